"""The documented columns of the exports that no contract reads back, separated by commas. Data only.

Exports gain columns and may lose some, so one of these columns is enough to recognise a response as the export.
"""

CUSTOMER_BALANCES = (
    "loyaltyProgramID,loyaltySubledger,profileIntegrationID,currentBalance,pendingBalance,expiredBalance,"
    "spentBalance,negativeBalance,currentTier"
)
CARD_BALANCES = (
    "loyaltyProgramID,loyaltySubledger,cardIdentifier,cardState,currentBalance,pendingBalance,expiredBalance,"
    "spentBalance"
)
LEDGER = (
    "customerprofileid,customersessionid,rulesetid,rulename,programid,type,name,subledgerid,startdate,"
    "expirydate,id,created,amount,archived,campaignid,flags,transactionuuid,validityduration"
)
ACHIEVEMENTS = "profileIntegrationID,title,target,progress,status,startDate,endDate,completionDate"
EFFECTS = (
    "created,name,applicationid,campaignid,rulesetid,ruleindex,sessionintegrationid,profileintegrationid,"
    "sessionid,profileid,eventid,event_type,total_revenue,props,couponid,store_id,store_integration_id"
)
SESSIONS = (
    "id,firstsession,integrationid,applicationid,profileid,profileintegrationid,created,state,cartitems,"
    "discounts,total,attributes,closedat,cancelledat,referral,identifiers,additional_costs,updated,"
    "store_integration_id,coupons"
)
ANALYTICS = (
    "campaign_id,start_date,end_date,revenue,sessions,average_session_value,average_items_per_session,coupons,discounts"
)
VALUE_MAP = "identifier,value"
