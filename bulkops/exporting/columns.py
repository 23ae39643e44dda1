"""The columns that the documentation names for each export, between commas. Data only.

Exports gain columns and may lose some, so an answer needs one of them, not all, to be taken for the export.
"""

COUPONS = (
    "id,created,campaignid,value,expirydate,startdate,attributes,applicationid,deleted,deleted_changelogid,"
    "accountid,referralid,recipientintegrationid,importid,batchid,reservation,limits,limitval,counter,"
    "discount_counter,discount_limitval,is_reservation_mandatory,reservation_counter,reservation_limitval"
)
REFERRALS = (
    "id,created,campaignid,advocateprofileintegrationid,friendprofileintegrationid,startdate,expirydate,code,"
    "importid,attributes,batchid,counter,limitval"
)
GIVEAWAYS = "id,poolid,code,startdate,enddate,attributes,used,importid,created,profileintegrationid,profileid"
CARDS = "identifier,created,status,userpercardlimit,customerprofileids,blockreason,generated,batchid,attributes"
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
TIERS = "programid,subledgerid,customerprofileid,tiername,startdate,expirydate"
JOIN_DATES = "loyaltyProgramID,profileIntegrationID,joinDate"
AUDIENCE = "profileintegrationid"
COLLECTION = "item"
STORES = "store_integration_id"
BUDGETS = "store_integration_id,limit"
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
