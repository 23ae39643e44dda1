BEGIN TRANSACTION;
CREATE TABLE bulkops_ledger (
	version INTEGER NOT NULL, 
	identity VARCHAR(40)
);
INSERT INTO "bulkops_ledger" VALUES(3,'77f5c3b028a7');
CREATE TABLE chunks (
	job VARCHAR(80) NOT NULL, 
	number INTEGER NOT NULL, 
	first_record BIGINT NOT NULL, 
	records BIGINT NOT NULL, 
	pieces TEXT NOT NULL, 
	bytes BIGINT NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	state VARCHAR(20) NOT NULL, 
	attempts INTEGER NOT NULL, 
	import_id BIGINT, 
	amount BIGINT, 
	skipped BIGINT NOT NULL, 
	parent INTEGER, 
	first_sent VARCHAR(40), 
	clock_offset FLOAT, 
	undecided BOOLEAN NOT NULL, 
	message TEXT NOT NULL, 
	lines TEXT NOT NULL, 
	created VARCHAR(40), 
	rows_ahead FLOAT, 
	PRIMARY KEY (job, number), 
	FOREIGN KEY(job) REFERENCES jobs (id)
);
INSERT INTO "chunks" VALUES('coupons-20261130-072851-b8a4',1,1,10,'[[15, 155]]',155,'afd38bcdae859e590741d077fac59af01d07e35c315942304a7e04991c7021a1','accepted',1,1,10,0,NULL,'2026-11-30T07:28:52.484794+00:00',-0.472777,0,'','[]','2026-11-30T07:28:52+00:00',0.0);
INSERT INTO "chunks" VALUES('coupons-20261130-072851-b8a4',2,11,10,'[[155, 295]]',155,'915db201d11b4b15f71a2b48c9f6262c9bb06f117ad4013b962d6169172368ed','accepted',1,2,10,0,NULL,'2026-11-30T07:28:52.554061+00:00',-0.532309,0,'','[]','2026-11-30T07:28:52+00:00',0.0);
INSERT INTO "chunks" VALUES('coupons-20261130-072851-b8a4',3,21,5,'[[295, 365]]',85,'deed48d450b3a8773dcd34032b8a54d3652930aae6c6aebe8e99a8c378eace4d','accepted',1,3,5,0,NULL,'2026-11-30T07:28:52.588647+00:00',-0.573789,0,'','[]','2026-11-30T07:28:52+00:00',0.0);
INSERT INTO "chunks" VALUES('giveaways-20261130-072852-09e7',1,1,10,'[[5, 225]]',225,'e30d69e548cd7a9885468db8318ff54a01c3b04853e397b4ada37f55641cc5fc','divided',1,NULL,NULL,0,NULL,'2026-11-30T07:28:52.916861+00:00',-0.916322,0,'POST /v1/giveaways/pools/1/import was answered with 400: this record was chosen to be refused: line 8: Invalid value: this record was chosen to be refused','[8]',NULL,NULL);
INSERT INTO "chunks" VALUES('giveaways-20261130-072852-09e7',2,11,10,'[[225, 445]]',225,'3d3db0abcfb23dc6efdb8a4737deb457b0928bbfd3664105eb8d47767a7edbac','rejected',1,NULL,NULL,0,NULL,'2026-11-30T07:28:52.969722+00:00',-0.953481,0,'POST /v1/giveaways/pools/1/import was answered with 400: this record was chosen to be refused: line 2: Invalid value: this record was chosen to be refused','[2]',NULL,NULL);
INSERT INTO "chunks" VALUES('giveaways-20261130-072852-09e7',3,4,1,'[[71, 93]]',27,'2857c37cdd785a55afc6c321eb16683554b015c694ccd7d08352b0848d032148','rejected',1,NULL,NULL,0,1,'2026-11-30T07:28:52.916861+00:00',-0.916322,0,'POST /v1/giveaways/pools/1/import was answered with 400: this record was chosen to be refused: line 2: Invalid value: this record was chosen to be refused','[2]',NULL,NULL);
INSERT INTO "chunks" VALUES('giveaways-20261130-072852-09e7',4,7,1,'[[137, 159]]',27,'bf8fefaafd3d12322c58eb012d3bdbe6ccee6a22d48b0d57526d126d9a7ce024','rejected',1,NULL,NULL,0,1,'2026-11-30T07:28:52.916861+00:00',-0.916322,0,'POST /v1/giveaways/pools/1/import was answered with 400: this record was chosen to be refused: line 2: Invalid value: this record was chosen to be refused','[2]',NULL,NULL);
INSERT INTO "chunks" VALUES('giveaways-20261130-072852-09e7',5,8,1,'[[159, 181]]',27,'bf8fefaafd3d12322c58eb012d3bdbe6ccee6a22d48b0d57526d126d9a7ce024','rejected',1,NULL,NULL,0,1,'2026-11-30T07:28:52.916861+00:00',-0.916322,0,'POST /v1/giveaways/pools/1/import was answered with 400: this record was chosen to be refused: line 2: Invalid value: this record was chosen to be refused','[2]',NULL,NULL);
INSERT INTO "chunks" VALUES('giveaways-20261130-072852-09e7',6,1,7,'[[5, 71], [93, 137], [181, 225]]',159,'d2c2188b3bc0acffee0dad9ecf986e9313f8b069d61aadf0c44f0c9aa9ff6889','rejected',1,NULL,NULL,0,1,'2026-11-30T07:28:52.916861+00:00',-0.916322,0,'POST /v1/giveaways/pools/1/import was answered with 400: this record was chosen to be refused: line 2: Invalid value: this record was chosen to be refused','[2]',NULL,NULL);
INSERT INTO "chunks" VALUES('loyalty-points-20261130-072854-cf9a',1,1,10,'[[32, 302]]',302,'6d19ab7c6e293e7e755ee108274a9902fc4753dc4c9a187f6152a1013139e5d2','accepted',1,4,10,0,NULL,'2026-11-30T07:28:54.965042+00:00',-0.964593,0,'','[]','2026-11-30T07:28:54+00:00',0.0);
INSERT INTO "chunks" VALUES('loyalty-points-20261130-072854-cf9a',2,11,10,'[[302, 572]]',302,'63c44c97939648d46cb315e551a8148ddab5deaaf0dbfa7e493b4ea877fa8fd1','accepted',2,6,10,0,NULL,'2026-11-30T07:28:55.029793+00:00',-0.996402,0,'','[]','2026-11-30T07:28:56+00:00',0.0);
INSERT INTO "chunks" VALUES('loyalty-points-20261130-072854-cf9a',3,21,5,'[[572, 707]]',167,'44287bcefc8067848baa8c3d7ddf6d60777f89db468fffc8b6eb2ea05a839743','accepted',1,5,5,0,NULL,'2026-11-30T07:28:55.060247+00:00',-0.996402,0,'','[]','2026-11-30T07:28:55+00:00',0.0);
INSERT INTO "chunks" VALUES('giveaways-20261130-072856-c61f',1,1,10,'[[5, 225]]',225,'1520f73726fab8b8ef9735010f3196ddd6058c105029ec69dc3a859d667d53ed','in_doubt',1,NULL,NULL,0,NULL,'2026-11-30T07:28:56.896266+00:00',-0.88081,1,'import 7 holds 3 of the 10 records and nothing else','[8]',NULL,NULL);
INSERT INTO "chunks" VALUES('giveaways-20261130-072856-c61f',2,11,10,'[[225, 445]]',225,'15023c955b1895b8852678902a40defc63bf39ef421639962a236d506587c862','accepted',1,8,10,0,NULL,'2026-11-30T07:28:56.968229+00:00',-0.942649,0,'','[]','2026-11-30T07:28:56+00:00',0.0);
INSERT INTO "chunks" VALUES('giveaways-20261130-072856-c61f',3,21,10,'[[445, 668]]',228,'7b81058a7c7bdb85d51adb72bad86fff624beae4203cd14a1274dcf7b1d07711','accepted',1,9,10,0,NULL,'2026-11-30T07:28:56.998908+00:00',-0.979505,0,'','[]','2026-11-30T07:28:57+00:00',0.0);
INSERT INTO "chunks" VALUES('loyalty-points-20261130-072857-6986',1,1,10,'[[32, 302]]',302,'e750dd789a00a809edfebe8589c5f65a9de61c803cab70b1b1d3ec2edea7f404','pending',0,NULL,NULL,0,NULL,NULL,NULL,0,'','[]',NULL,NULL);
INSERT INTO "chunks" VALUES('loyalty-points-20261130-072857-6986',2,11,10,'[[302, 572]]',302,'5cf63a8bd31bdd46fa750961455129f3e60347cf17c0ec22e14b124d1abdedeb','pending',0,NULL,NULL,0,NULL,NULL,NULL,0,'','[]',NULL,NULL);
INSERT INTO "chunks" VALUES('loyalty-points-20261130-072857-6986',3,21,10,'[[572, 842]]',302,'fd29705c0e22dbd09ea8796baf0ca1973f5057f844b19df81857548175c9e025','pending',0,NULL,NULL,0,NULL,NULL,NULL,0,'','[]',NULL,NULL);
INSERT INTO "chunks" VALUES('loyalty-points-20261130-072857-d7e4',1,1,10,'[[32, 302]]',302,'05b4472252bf8422379993a5218c01a32c7ab1c9ba4b18b4920b96a484c87288','pending',0,NULL,NULL,0,NULL,NULL,NULL,0,'','[]',NULL,NULL);
INSERT INTO "chunks" VALUES('loyalty-points-20261130-072857-d7e4',2,11,10,'[[302, 572]]',302,'affff04e89b7a6fcd57fc8047b8f386bad112cc77597b5cc866b0374abbe6119','pending',0,NULL,NULL,0,NULL,NULL,NULL,0,'','[]',NULL,NULL);
INSERT INTO "chunks" VALUES('loyalty-points-20261130-072857-d7e4',3,21,10,'[[572, 842]]',302,'44d8a13835c4274c36c4df8577bb8fa2092d2ef208fb429f394a1e752e73b32e','pending',0,NULL,NULL,0,NULL,NULL,NULL,0,'','[]',NULL,NULL);
INSERT INTO "chunks" VALUES('loyalty-points-20261130-072857-3e27',1,1,10,'[[32, 302]]',302,'50a97dc5f9167f147fabe4bfd308249f337e3030d4b9e6376272a0a648b7c1ec','sending',1,NULL,NULL,0,NULL,'2026-11-30T07:28:58.008022+00:00',0.0,0,'','[]',NULL,NULL);
INSERT INTO "chunks" VALUES('loyalty-points-20261130-072857-3e27',2,11,10,'[[302, 572]]',302,'8ffa72ffe84c00412ed4da1c0e56b29429350930b0182d1d386c687c7644c6b7','pending',0,NULL,NULL,0,NULL,NULL,NULL,0,'','[]',NULL,NULL);
INSERT INTO "chunks" VALUES('audiences-20261130-072858-1ff7',1,1,300,'[[21, 4221]]',4221,'20576298736abe90f40ca13dc621cbe4b384fdd0ab78826ac676214958a130e7','accepted',1,10,300,0,NULL,'2026-11-30T07:28:58.757480+00:00',-0.464558,0,'','[]','2026-11-30T07:28:58+00:00',0.0);
INSERT INTO "chunks" VALUES('audiences-20261130-072858-764e',1,1,300,'[[21, 4221]]',4221,'20576298736abe90f40ca13dc621cbe4b384fdd0ab78826ac676214958a130e7','skipped',0,NULL,NULL,0,NULL,NULL,NULL,0,'','[]',NULL,NULL);
INSERT INTO "chunks" VALUES('loyalty-points-20261130-072859-d901',1,1,10,'[[32, 302]]',302,'6b409e0d83cd9696b11fc3c07652824d886438fc5208fde056a436a64cfcead9','accepted',1,671,NULL,0,NULL,'2026-11-30T07:28:59.468325+00:00',0.0,0,'','[]',NULL,NULL);
INSERT INTO "chunks" VALUES('loyalty-points-20261130-072859-79e0',1,1,10,'[[32, 302]]',302,'6b409e0d83cd9696b11fc3c07652824d886438fc5208fde056a436a64cfcead9','accepted',1,671,10,0,NULL,'2026-11-30T07:28:59.452092+00:00',0.0,0,'','[]','2026-11-30T07:28:59.507824+00:00',0.0);
INSERT INTO "chunks" VALUES('giveaways-20261130-072859-5997',1,1,10,'[[5, 225]]',225,'af2389f061b04a1e8992bed0a4ae4adc059940513453819f116dd2c6fb8fa9b4','accepted',1,900,10,0,NULL,'2026-11-30T07:28:59.703025+00:00',0.0,0,'','[]','2026-11-30T07:28:59.728812+00:00',0.0);
INSERT INTO "chunks" VALUES('giveaways-20261130-072859-5815',1,1,10,'[[5, 225]]',225,'77b379154a449878952e2c4e7eb2fa80df04c56d50bcfd2b73034a12b3dfc44a','accepted',1,900,10,0,NULL,'2026-11-30T07:28:59.743537+00:00',0.0,0,'','[]','2026-11-30T07:28:59.752178+00:00',0.0);
INSERT INTO "chunks" VALUES('giveaways-20261130-072859-8ea7',1,1,10,'[[5, 225]]',225,'0494966f2a9dffeb4df330c9d1ff24cdea76637244f512d161a12debfcdd0703','resent',2,901,10,0,NULL,'2026-11-30T07:28:59.877649+00:00',0.0,0,'','[]',NULL,NULL);
INSERT INTO "chunks" VALUES('giveaways-20261130-072859-846f',1,1,10,'[[5, 225]]',225,'35a8192dd2c3c656f120dca4906fd563a66e88d53c9bab01703aba6295487013','refused',1,NULL,NULL,0,NULL,'2026-11-30T07:29:00.089650+00:00',0.0,0,'bad value','[3]',NULL,NULL);
CREATE TABLE events (
	id INTEGER NOT NULL, 
	job VARCHAR(80) NOT NULL, 
	chunk INTEGER, 
	at VARCHAR(40) NOT NULL, 
	kind VARCHAR(40) NOT NULL, 
	data TEXT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(job) REFERENCES jobs (id)
);
INSERT INTO "events" VALUES(1,'coupons-20261130-072851-b8a4',NULL,'2026-11-30T07:28:51.939532+00:00','created','{"chunks": 3}');
INSERT INTO "events" VALUES(2,'coupons-20261130-072851-b8a4',1,'2026-11-30T07:28:52.486534+00:00','sent','{"state": "sending", "attempt": 1, "clock_offset": -0.472777}');
INSERT INTO "events" VALUES(3,'coupons-20261130-072851-b8a4',1,'2026-11-30T07:28:52.533259+00:00','accepted','{"state": "accepted", "status": 200, "import_id": 1, "amount": 10}');
INSERT INTO "events" VALUES(4,'coupons-20261130-072851-b8a4',2,'2026-11-30T07:28:52.554484+00:00','sent','{"state": "sending", "attempt": 1, "clock_offset": -0.532309}');
INSERT INTO "events" VALUES(5,'coupons-20261130-072851-b8a4',2,'2026-11-30T07:28:52.574459+00:00','accepted','{"state": "accepted", "status": 200, "import_id": 2, "amount": 10}');
INSERT INTO "events" VALUES(6,'coupons-20261130-072851-b8a4',3,'2026-11-30T07:28:52.589105+00:00','sent','{"state": "sending", "attempt": 1, "clock_offset": -0.573789}');
INSERT INTO "events" VALUES(7,'coupons-20261130-072851-b8a4',3,'2026-11-30T07:28:52.624689+00:00','accepted','{"state": "accepted", "status": 200, "import_id": 3, "amount": 5}');
INSERT INTO "events" VALUES(8,'giveaways-20261130-072852-09e7',NULL,'2026-11-30T07:28:52.749646+00:00','created','{"chunks": 2}');
INSERT INTO "events" VALUES(9,'giveaways-20261130-072852-09e7',1,'2026-11-30T07:28:52.917373+00:00','sent','{"state": "sending", "attempt": 1, "clock_offset": -0.916322}');
INSERT INTO "events" VALUES(10,'giveaways-20261130-072852-09e7',1,'2026-11-30T07:28:52.964318+00:00','refused','{"state": "refused", "status": 400, "message": "POST /v1/giveaways/pools/1/import was answered with 400: this record was chosen to be refused: line 8: Invalid value: this record was chosen to be refused", "details": ["line 8: Invalid value: this record was chosen to be refused"], "lines": [8]}');
INSERT INTO "events" VALUES(11,'giveaways-20261130-072852-09e7',2,'2026-11-30T07:28:52.970134+00:00','sent','{"state": "sending", "attempt": 1, "clock_offset": -0.953481}');
INSERT INTO "events" VALUES(12,'giveaways-20261130-072852-09e7',2,'2026-11-30T07:28:53.019019+00:00','refused','{"state": "refused", "status": 400, "message": "POST /v1/giveaways/pools/1/import was answered with 400: this record was chosen to be refused: line 2: Invalid value: this record was chosen to be refused", "details": ["line 2: Invalid value: this record was chosen to be refused"], "lines": [2]}');
INSERT INTO "events" VALUES(13,'giveaways-20261130-072852-09e7',1,'2026-11-30T07:28:53.832969+00:00','evidence','{"verdict": "absent", "rows": 0, "import_id": null, "read_at": "2026-11-30T07:28:53.807576+00:00", "note": ""}');
INSERT INTO "events" VALUES(14,'giveaways-20261130-072852-09e7',1,'2026-11-30T07:28:53.836293+00:00','isolating','{"state": "divided", "into": [3, 4, 5, 6], "reason": "to find the records that are refused"}');
INSERT INTO "events" VALUES(15,'giveaways-20261130-072852-09e7',2,'2026-11-30T07:28:53.836940+00:00','evidence','{"verdict": "absent", "rows": 0, "import_id": null, "read_at": "2026-11-30T07:28:53.807576+00:00", "note": ""}');
INSERT INTO "events" VALUES(16,'giveaways-20261130-072852-09e7',2,'2026-11-30T07:28:53.837655+00:00','rejected','{"state": "rejected", "message": "POST /v1/giveaways/pools/1/import was answered with 400: this record was chosen to be refused: line 2: Invalid value: this record was chosen to be refused"}');
INSERT INTO "events" VALUES(17,'giveaways-20261130-072852-09e7',3,'2026-11-30T07:28:53.851416+00:00','sent','{"state": "sending", "attempt": 1, "clock_offset": -0.793119}');
INSERT INTO "events" VALUES(18,'giveaways-20261130-072852-09e7',3,'2026-11-30T07:28:53.895179+00:00','refused','{"state": "refused", "status": 400, "message": "POST /v1/giveaways/pools/1/import was answered with 400: this record was chosen to be refused: line 2: Invalid value: this record was chosen to be refused", "details": ["line 2: Invalid value: this record was chosen to be refused"], "lines": [2]}');
INSERT INTO "events" VALUES(19,'giveaways-20261130-072852-09e7',4,'2026-11-30T07:28:53.908670+00:00','sent','{"state": "sending", "attempt": 1, "clock_offset": -0.894528}');
INSERT INTO "events" VALUES(20,'giveaways-20261130-072852-09e7',4,'2026-11-30T07:28:53.936141+00:00','refused','{"state": "refused", "status": 400, "message": "POST /v1/giveaways/pools/1/import was answered with 400: this record was chosen to be refused: line 2: Invalid value: this record was chosen to be refused", "details": ["line 2: Invalid value: this record was chosen to be refused"], "lines": [2]}');
INSERT INTO "events" VALUES(21,'giveaways-20261130-072852-09e7',5,'2026-11-30T07:28:53.942988+00:00','sent','{"state": "sending", "attempt": 1, "clock_offset": -0.923204}');
INSERT INTO "events" VALUES(22,'giveaways-20261130-072852-09e7',5,'2026-11-30T07:28:53.957587+00:00','refused','{"state": "refused", "status": 400, "message": "POST /v1/giveaways/pools/1/import was answered with 400: this record was chosen to be refused: line 2: Invalid value: this record was chosen to be refused", "details": ["line 2: Invalid value: this record was chosen to be refused"], "lines": [2]}');
INSERT INTO "events" VALUES(23,'giveaways-20261130-072852-09e7',6,'2026-11-30T07:28:53.971891+00:00','sent','{"state": "sending", "attempt": 1, "clock_offset": -0.956756}');
INSERT INTO "events" VALUES(24,'giveaways-20261130-072852-09e7',6,'2026-11-30T07:28:53.985755+00:00','refused','{"state": "refused", "status": 400, "message": "POST /v1/giveaways/pools/1/import was answered with 400: this record was chosen to be refused: line 2: Invalid value: this record was chosen to be refused", "details": ["line 2: Invalid value: this record was chosen to be refused"], "lines": [2]}');
INSERT INTO "events" VALUES(25,'giveaways-20261130-072852-09e7',3,'2026-11-30T07:28:54.154142+00:00','evidence','{"verdict": "absent", "rows": 0, "import_id": null, "read_at": "2026-11-30T07:28:54.104921+00:00", "note": ""}');
INSERT INTO "events" VALUES(26,'giveaways-20261130-072852-09e7',3,'2026-11-30T07:28:54.164056+00:00','rejected','{"state": "rejected", "message": "POST /v1/giveaways/pools/1/import was answered with 400: this record was chosen to be refused: line 2: Invalid value: this record was chosen to be refused"}');
INSERT INTO "events" VALUES(27,'giveaways-20261130-072852-09e7',4,'2026-11-30T07:28:54.172125+00:00','evidence','{"verdict": "absent", "rows": 0, "import_id": null, "read_at": "2026-11-30T07:28:54.104921+00:00", "note": ""}');
INSERT INTO "events" VALUES(28,'giveaways-20261130-072852-09e7',4,'2026-11-30T07:28:54.176133+00:00','rejected','{"state": "rejected", "message": "POST /v1/giveaways/pools/1/import was answered with 400: this record was chosen to be refused: line 2: Invalid value: this record was chosen to be refused"}');
INSERT INTO "events" VALUES(29,'giveaways-20261130-072852-09e7',5,'2026-11-30T07:28:54.180897+00:00','evidence','{"verdict": "absent", "rows": 0, "import_id": null, "read_at": "2026-11-30T07:28:54.104921+00:00", "note": ""}');
INSERT INTO "events" VALUES(30,'giveaways-20261130-072852-09e7',5,'2026-11-30T07:28:54.186001+00:00','rejected','{"state": "rejected", "message": "POST /v1/giveaways/pools/1/import was answered with 400: this record was chosen to be refused: line 2: Invalid value: this record was chosen to be refused"}');
INSERT INTO "events" VALUES(31,'giveaways-20261130-072852-09e7',6,'2026-11-30T07:28:54.637094+00:00','evidence','{"verdict": "absent", "rows": 0, "import_id": null, "read_at": "2026-11-30T07:28:54.560819+00:00", "note": ""}');
INSERT INTO "events" VALUES(32,'giveaways-20261130-072852-09e7',6,'2026-11-30T07:28:54.644817+00:00','rejected','{"state": "rejected", "message": "POST /v1/giveaways/pools/1/import was answered with 400: this record was chosen to be refused: line 2: Invalid value: this record was chosen to be refused"}');
INSERT INTO "events" VALUES(33,'loyalty-points-20261130-072854-cf9a',NULL,'2026-11-30T07:28:54.803124+00:00','created','{"chunks": 3}');
INSERT INTO "events" VALUES(34,'loyalty-points-20261130-072854-cf9a',1,'2026-11-30T07:28:54.965548+00:00','sent','{"state": "sending", "attempt": 1, "clock_offset": -0.964593}');
INSERT INTO "events" VALUES(35,'loyalty-points-20261130-072854-cf9a',1,'2026-11-30T07:28:54.997093+00:00','accepted','{"state": "accepted", "status": 200, "import_id": 4, "amount": 10}');
INSERT INTO "events" VALUES(36,'loyalty-points-20261130-072854-cf9a',2,'2026-11-30T07:28:55.030256+00:00','sent','{"state": "sending", "attempt": 1, "clock_offset": -0.996402}');
INSERT INTO "events" VALUES(37,'loyalty-points-20261130-072854-cf9a',2,'2026-11-30T07:28:55.056374+00:00','in doubt','{"state": "in_doubt", "message": "POST /v1/loyalty_programs/1/import_points was sent and no answer came (RemoteProtocolError).", "status": null}');
INSERT INTO "events" VALUES(38,'loyalty-points-20261130-072854-cf9a',3,'2026-11-30T07:28:55.060661+00:00','sent','{"state": "sending", "attempt": 1, "clock_offset": -0.996402}');
INSERT INTO "events" VALUES(39,'loyalty-points-20261130-072854-cf9a',3,'2026-11-30T07:28:55.080682+00:00','accepted','{"state": "accepted", "status": 200, "import_id": 5, "amount": 5}');
INSERT INTO "events" VALUES(40,'loyalty-points-20261130-072854-cf9a',2,'2026-11-30T07:28:56.012145+00:00','evidence','{"state": "pending", "verdict": "absent", "rows": 0, "import_id": null, "read_at": "2026-11-30T07:28:55.908659+00:00", "note": ""}');
INSERT INTO "events" VALUES(41,'loyalty-points-20261130-072854-cf9a',2,'2026-11-30T07:28:56.029308+00:00','sent','{"state": "sending", "attempt": 2, "clock_offset": -0.845256}');
INSERT INTO "events" VALUES(42,'loyalty-points-20261130-072854-cf9a',2,'2026-11-30T07:28:56.049546+00:00','accepted','{"state": "resent", "status": 200, "import_id": 6, "amount": 10}');
INSERT INTO "events" VALUES(43,'loyalty-points-20261130-072854-cf9a',2,'2026-11-30T07:28:56.653377+00:00','looked again','{"state": "accepted", "note": "", "read_at": "2026-11-30T07:28:56.512628+00:00"}');
INSERT INTO "events" VALUES(44,'giveaways-20261130-072856-c61f',NULL,'2026-11-30T07:28:56.794027+00:00','created','{"chunks": 3}');
INSERT INTO "events" VALUES(45,'giveaways-20261130-072856-c61f',1,'2026-11-30T07:28:56.896778+00:00','sent','{"state": "sending", "attempt": 1, "clock_offset": -0.88081}');
INSERT INTO "events" VALUES(46,'giveaways-20261130-072856-c61f',1,'2026-11-30T07:28:56.943325+00:00','refused','{"state": "refused", "status": 400, "message": "POST /v1/giveaways/pools/1/import was answered with 400: this record was chosen to be refused: line 8: Invalid value: this record was chosen to be refused", "details": ["line 8: Invalid value: this record was chosen to be refused"], "lines": [8]}');
INSERT INTO "events" VALUES(47,'giveaways-20261130-072856-c61f',2,'2026-11-30T07:28:56.968660+00:00','sent','{"state": "sending", "attempt": 1, "clock_offset": -0.942649}');
INSERT INTO "events" VALUES(48,'giveaways-20261130-072856-c61f',2,'2026-11-30T07:28:56.980250+00:00','accepted','{"state": "accepted", "status": 200, "import_id": 8, "amount": 10}');
INSERT INTO "events" VALUES(49,'giveaways-20261130-072856-c61f',3,'2026-11-30T07:28:56.999365+00:00','sent','{"state": "sending", "attempt": 1, "clock_offset": -0.979505}');
INSERT INTO "events" VALUES(50,'giveaways-20261130-072856-c61f',3,'2026-11-30T07:28:57.018637+00:00','accepted','{"state": "accepted", "status": 200, "import_id": 9, "amount": 10}');
INSERT INTO "events" VALUES(51,'giveaways-20261130-072856-c61f',1,'2026-11-30T07:28:57.678142+00:00','evidence','{"state": "in_doubt", "verdict": "partly", "rows": 3, "import_id": null, "read_at": "2026-11-30T07:28:57.664182+00:00", "note": "import 7 holds 3 of the 10 records and nothing else"}');
INSERT INTO "events" VALUES(52,'giveaways-20261130-072856-c61f',1,'2026-11-30T07:28:57.679024+00:00','undecided','{"verdict": "partly", "rows": 3, "import_id": null, "read_at": "2026-11-30T07:28:57.664182+00:00", "note": "import 7 holds 3 of the 10 records and nothing else"}');
INSERT INTO "events" VALUES(53,'loyalty-points-20261130-072857-6986',NULL,'2026-11-30T07:28:57.783273+00:00','created','{"chunks": 3}');
INSERT INTO "events" VALUES(54,'loyalty-points-20261130-072857-d7e4',NULL,'2026-11-30T07:28:57.918013+00:00','created','{"chunks": 3}');
INSERT INTO "events" VALUES(55,'loyalty-points-20261130-072857-d7e4',NULL,'2026-11-30T07:28:57.947127+00:00','cancelled','{}');
INSERT INTO "events" VALUES(56,'loyalty-points-20261130-072857-3e27',NULL,'2026-11-30T07:28:57.975385+00:00','created','{"chunks": 2}');
INSERT INTO "events" VALUES(57,'loyalty-points-20261130-072857-3e27',1,'2026-11-30T07:28:58.008370+00:00','sent','{"state": "sending", "attempt": 1, "clock_offset": 0.0}');
INSERT INTO "events" VALUES(58,'audiences-20261130-072858-1ff7',NULL,'2026-11-30T07:28:58.317633+00:00','created','{"chunks": 1}');
INSERT INTO "events" VALUES(59,'audiences-20261130-072858-1ff7',1,'2026-11-30T07:28:58.758047+00:00','sent','{"state": "sending", "attempt": 1, "clock_offset": -0.464558}');
INSERT INTO "events" VALUES(60,'audiences-20261130-072858-1ff7',1,'2026-11-30T07:28:58.796822+00:00','accepted','{"state": "accepted", "status": 200, "import_id": 10, "amount": 300}');
INSERT INTO "events" VALUES(61,'audiences-20261130-072858-764e',NULL,'2026-11-30T07:28:59.120633+00:00','created','{"chunks": 1}');
INSERT INTO "events" VALUES(62,'loyalty-points-20261130-072859-d901',NULL,'2026-11-30T07:28:59.319337+00:00','created','{"chunks": 1}');
INSERT INTO "events" VALUES(63,'loyalty-points-20261130-072859-79e0',NULL,'2026-11-30T07:28:59.435427+00:00','created','{"chunks": 1}');
INSERT INTO "events" VALUES(64,'loyalty-points-20261130-072859-79e0',1,'2026-11-30T07:28:59.452396+00:00','sent','{"state": "sending", "attempt": 1, "clock_offset": 0.0}');
INSERT INTO "events" VALUES(65,'loyalty-points-20261130-072859-d901',1,'2026-11-30T07:28:59.468578+00:00','sent','{"state": "sending", "attempt": 1, "clock_offset": 0.0}');
INSERT INTO "events" VALUES(66,'loyalty-points-20261130-072859-d901',1,'2026-11-30T07:28:59.490563+00:00','in doubt','{"state": "in_doubt", "message": "The connection broke.", "status": null}');
INSERT INTO "events" VALUES(67,'loyalty-points-20261130-072859-d901',1,'2026-11-30T07:28:59.495066+00:00','evidence','{"state": "accepted", "verdict": "landed", "rows": 10, "import_id": 671}');
INSERT INTO "events" VALUES(68,'loyalty-points-20261130-072859-79e0',1,'2026-11-30T07:28:59.508312+00:00','accepted','{"state": "accepted", "status": 200, "import_id": 671, "amount": 10}');
INSERT INTO "events" VALUES(69,'giveaways-20261130-072859-5997',NULL,'2026-11-30T07:28:59.562001+00:00','created','{"chunks": 1}');
INSERT INTO "events" VALUES(70,'giveaways-20261130-072859-5815',NULL,'2026-11-30T07:28:59.689288+00:00','created','{"chunks": 1}');
INSERT INTO "events" VALUES(71,'giveaways-20261130-072859-5997',1,'2026-11-30T07:28:59.703404+00:00','sent','{"state": "sending", "attempt": 1, "clock_offset": 0.0}');
INSERT INTO "events" VALUES(72,'giveaways-20261130-072859-5997',1,'2026-11-30T07:28:59.729256+00:00','accepted','{"state": "accepted", "status": 200, "import_id": 900, "amount": 10}');
INSERT INTO "events" VALUES(73,'giveaways-20261130-072859-5815',1,'2026-11-30T07:28:59.743884+00:00','sent','{"state": "sending", "attempt": 1, "clock_offset": 0.0}');
INSERT INTO "events" VALUES(74,'giveaways-20261130-072859-5815',1,'2026-11-30T07:28:59.752567+00:00','accepted','{"state": "accepted", "status": 200, "import_id": 900, "amount": 10}');
INSERT INTO "events" VALUES(75,'giveaways-20261130-072859-8ea7',NULL,'2026-11-30T07:28:59.857933+00:00','created','{"chunks": 1}');
INSERT INTO "events" VALUES(76,'giveaways-20261130-072859-8ea7',1,'2026-11-30T07:28:59.877926+00:00','sent','{"state": "sending", "attempt": 1, "clock_offset": 0.0}');
INSERT INTO "events" VALUES(77,'giveaways-20261130-072859-8ea7',1,'2026-11-30T07:28:59.901564+00:00','in doubt','{"state": "in_doubt", "message": "The connection broke.", "status": null}');
INSERT INTO "events" VALUES(78,'giveaways-20261130-072859-8ea7',1,'2026-11-30T07:28:59.905044+00:00','evidence','{"state": "pending", "verdict": "absent", "rows": 0}');
INSERT INTO "events" VALUES(79,'giveaways-20261130-072859-8ea7',1,'2026-11-30T07:28:59.924266+00:00','sent','{"state": "sending", "attempt": 2, "clock_offset": 0.0}');
INSERT INTO "events" VALUES(80,'giveaways-20261130-072859-8ea7',1,'2026-11-30T07:28:59.932223+00:00','accepted','{"state": "resent", "status": 200, "import_id": 901, "amount": 10}');
INSERT INTO "events" VALUES(81,'giveaways-20261130-072859-846f',NULL,'2026-11-30T07:29:00.073614+00:00','created','{"chunks": 1}');
INSERT INTO "events" VALUES(82,'giveaways-20261130-072859-846f',1,'2026-11-30T07:29:00.089993+00:00','sent','{"state": "sending", "attempt": 1, "clock_offset": 0.0}');
INSERT INTO "events" VALUES(83,'giveaways-20261130-072859-846f',1,'2026-11-30T07:29:00.108340+00:00','refused','{"state": "refused", "status": 400, "message": "bad value", "details": [], "lines": [3]}');
CREATE TABLE jobs (
	id VARCHAR(80) NOT NULL, 
	created VARCHAR(40) NOT NULL, 
	contract VARCHAR(40) NOT NULL, 
	mode VARCHAR(20) NOT NULL, 
	target TEXT NOT NULL, 
	target_key VARCHAR(64) NOT NULL, 
	file_path TEXT NOT NULL, 
	file_sha256 VARCHAR(64) NOT NULL, 
	file_bytes BIGINT NOT NULL, 
	records BIGINT NOT NULL, 
	header_end BIGINT NOT NULL, 
	options TEXT NOT NULL, 
	settings TEXT NOT NULL, 
	cancelled BOOLEAN NOT NULL, 
	reconciliation TEXT, 
	PRIMARY KEY (id)
);
INSERT INTO "jobs" VALUES('coupons-20261130-072851-b8a4','2026-11-30T07:28:51.797144+00:00','coupons','create','{"base_url": "https://example.europe-west1.talon.one", "ids": {"application": 1, "campaign": 1}}','7592591b9cb4edef627458f5883933ca680731eea95d7ab41e11e658bf49e116','/files/coupons-1.csv','79d3ce4e3f3e0ef4f9a5cd834582859e904a73c2683da35c0318e16a4c0765bb',365,25,15,'{}','{"settle": 0.3, "concurrency": 1, "isolate": true, "isolate_requests": 40, "max_errors": null, "max_removals": "10%", "target_name": null}',0,NULL);
INSERT INTO "jobs" VALUES('giveaways-20261130-072852-09e7','2026-11-30T07:28:52.646034+00:00','giveaways','append','{"base_url": "https://example.europe-west1.talon.one", "ids": {"pool": 1}}','4bd295ba212c9dc1940ea75bf4530f27f4f945c2b6b66c6a9c0cc136f4caa095','/files/giveaways-2.csv','53fe2f2ae7ec8d36f5ae8ede27916bfed2914da4589c8f941dbaf06e7f499ae4',445,20,5,'{}','{"settle": 0.3, "concurrency": 1, "isolate": true, "isolate_requests": 4, "max_errors": null, "max_removals": "10%", "target_name": null}',0,NULL);
INSERT INTO "jobs" VALUES('loyalty-points-20261130-072854-cf9a','2026-11-30T07:28:54.702592+00:00','loyalty-points','append','{"base_url": "https://example.europe-west1.talon.one", "ids": {"program": 1}}','8cfe6d4e26fd6fd7e437bd9cefcec438e4b0863e368f002b9f01b33534aaad4c','/files/loyalty-points-3.csv','a9597be57240f09d88f3575e7055e5a5e68ea3ae3b6f005dea1a88bb7323782f',707,25,32,'{}','{"settle": 0.3, "concurrency": 1, "isolate": true, "isolate_requests": 40, "max_errors": null, "max_removals": "10%", "target_name": null}',0,NULL);
INSERT INTO "jobs" VALUES('giveaways-20261130-072856-c61f','2026-11-30T07:28:56.664190+00:00','giveaways','append','{"base_url": "https://example.europe-west1.talon.one", "ids": {"pool": 1}}','4bd295ba212c9dc1940ea75bf4530f27f4f945c2b6b66c6a9c0cc136f4caa095','/files/giveaways-4.csv','b167ef7925ff071a7a36e887c37746643c761137525d0be494746434379d033d',668,30,5,'{}','{"settle": 0.3, "concurrency": 1, "isolate": true, "isolate_requests": 40, "max_errors": null, "max_removals": "10%", "target_name": null}',0,NULL);
INSERT INTO "jobs" VALUES('loyalty-points-20261130-072857-6986','2026-11-30T07:28:57.681744+00:00','loyalty-points','append','{"base_url": "https://example.europe-west1.talon.one", "ids": {"program": 1}}','8cfe6d4e26fd6fd7e437bd9cefcec438e4b0863e368f002b9f01b33534aaad4c','/files/loyalty-points-5.csv','92fb088b1a0307a1bef36a69197d51ba7b174e2c6ad157371045d5883fa475ce',842,30,32,'{}','{"settle": 0.3, "concurrency": 1, "isolate": true, "isolate_requests": 40, "max_errors": null, "max_removals": "10%", "target_name": null}',0,NULL);
INSERT INTO "jobs" VALUES('loyalty-points-20261130-072857-d7e4','2026-11-30T07:28:57.804171+00:00','loyalty-points','append','{"base_url": "https://example.europe-west1.talon.one", "ids": {"program": 1}}','8cfe6d4e26fd6fd7e437bd9cefcec438e4b0863e368f002b9f01b33534aaad4c','/files/loyalty-points-6.csv','2434d8a427551364da1f6fd80b1a93aba52c176862781d1eb2ad813ff30a3740',842,30,32,'{}','{"settle": 0.3, "concurrency": 1, "isolate": true, "isolate_requests": 40, "max_errors": null, "max_removals": "10%", "target_name": null}',1,NULL);
INSERT INTO "jobs" VALUES('loyalty-points-20261130-072857-3e27','2026-11-30T07:28:57.956867+00:00','loyalty-points','append','{"base_url": "https://example.europe-west1.talon.one", "ids": {"program": 1}}','8cfe6d4e26fd6fd7e437bd9cefcec438e4b0863e368f002b9f01b33534aaad4c','/files/loyalty-points-7.csv','e404c8607ccec01314c7701a0a7c24eec34bbfca56c93e7ca738195d574a4989',572,20,32,'{}','{"settle": 0.3, "concurrency": 1, "isolate": true, "isolate_requests": 40, "max_errors": null, "max_removals": "10%", "target_name": null}',0,NULL);
INSERT INTO "jobs" VALUES('audiences-20261130-072858-1ff7','2026-11-30T07:28:58.012103+00:00','audiences','replace','{"base_url": "https://example.europe-west1.talon.one", "ids": {"audience": 1}}','c9ae8fee150a2052213ab95b51b44722d0e25e4eb2c9f1929c9edd0e48f10509','/files/audiences-8.csv','20576298736abe90f40ca13dc621cbe4b384fdd0ab78826ac676214958a130e7',4221,300,21,'{}','{"settle": 0.3, "concurrency": 1, "isolate": true, "isolate_requests": 40, "max_errors": null, "max_removals": "100%", "target_name": null}',0,NULL);
INSERT INTO "jobs" VALUES('audiences-20261130-072858-764e','2026-11-30T07:28:58.817153+00:00','audiences','replace','{"base_url": "https://example.europe-west1.talon.one", "ids": {"audience": 1}}','c9ae8fee150a2052213ab95b51b44722d0e25e4eb2c9f1929c9edd0e48f10509','/files/audiences-8.csv','20576298736abe90f40ca13dc621cbe4b384fdd0ab78826ac676214958a130e7',4221,300,21,'{}','{"settle": 0.3, "concurrency": 1, "isolate": true, "isolate_requests": 40, "max_errors": null, "max_removals": "10%", "target_name": null}',0,NULL);
INSERT INTO "jobs" VALUES('loyalty-points-20261130-072859-d901','2026-11-30T07:28:59.232553+00:00','loyalty-points','append','{"base_url": "https://example.europe-west1.talon.one", "ids": {"program": 1}}','8cfe6d4e26fd6fd7e437bd9cefcec438e4b0863e368f002b9f01b33534aaad4c','/files/loyalty-points-9.csv','6b409e0d83cd9696b11fc3c07652824d886438fc5208fde056a436a64cfcead9',302,10,32,'{}','{"settle": 0.3, "concurrency": 1, "isolate": true, "isolate_requests": 40, "max_errors": null, "max_removals": "10%", "target_name": null}',0,NULL);
INSERT INTO "jobs" VALUES('loyalty-points-20261130-072859-79e0','2026-11-30T07:28:59.348065+00:00','loyalty-points','append','{"base_url": "https://example.europe-west1.talon.one", "ids": {"program": 1}}','8cfe6d4e26fd6fd7e437bd9cefcec438e4b0863e368f002b9f01b33534aaad4c','/files/loyalty-points-9.csv','6b409e0d83cd9696b11fc3c07652824d886438fc5208fde056a436a64cfcead9',302,10,32,'{}','{"settle": 0.3, "concurrency": 1, "isolate": true, "isolate_requests": 40, "max_errors": null, "max_removals": "10%", "target_name": null}',0,NULL);
INSERT INTO "jobs" VALUES('giveaways-20261130-072859-5997','2026-11-30T07:28:59.520795+00:00','giveaways','append','{"base_url": "https://example.europe-west1.talon.one", "ids": {"pool": 1}}','4bd295ba212c9dc1940ea75bf4530f27f4f945c2b6b66c6a9c0cc136f4caa095','/files/giveaways-10.csv','af2389f061b04a1e8992bed0a4ae4adc059940513453819f116dd2c6fb8fa9b4',225,10,5,'{}','{"settle": 0.3, "concurrency": 1, "isolate": true, "isolate_requests": 40, "max_errors": null, "max_removals": "10%", "target_name": null}',0,NULL);
INSERT INTO "jobs" VALUES('giveaways-20261130-072859-5815','2026-11-30T07:28:59.596285+00:00','giveaways','append','{"base_url": "https://example.europe-west1.talon.one", "ids": {"pool": 1}}','4bd295ba212c9dc1940ea75bf4530f27f4f945c2b6b66c6a9c0cc136f4caa095','/files/giveaways-11.csv','77b379154a449878952e2c4e7eb2fa80df04c56d50bcfd2b73034a12b3dfc44a',225,10,5,'{}','{"settle": 0.3, "concurrency": 1, "isolate": true, "isolate_requests": 40, "max_errors": null, "max_removals": "10%", "target_name": null}',0,NULL);
INSERT INTO "jobs" VALUES('giveaways-20261130-072859-8ea7','2026-11-30T07:28:59.764667+00:00','giveaways','append','{"base_url": "https://example.europe-west1.talon.one", "ids": {"pool": 1}}','4bd295ba212c9dc1940ea75bf4530f27f4f945c2b6b66c6a9c0cc136f4caa095','/files/giveaways-12.csv','0494966f2a9dffeb4df330c9d1ff24cdea76637244f512d161a12debfcdd0703',225,10,5,'{}','{"settle": 0.3, "concurrency": 1, "isolate": true, "isolate_requests": 40, "max_errors": null, "max_removals": "10%", "target_name": null}',0,NULL);
INSERT INTO "jobs" VALUES('giveaways-20261130-072859-846f','2026-11-30T07:28:59.952850+00:00','giveaways','append','{"base_url": "https://example.europe-west1.talon.one", "ids": {"pool": 1}}','4bd295ba212c9dc1940ea75bf4530f27f4f945c2b6b66c6a9c0cc136f4caa095','/files/giveaways-13.csv','35a8192dd2c3c656f120dca4906fd563a66e88d53c9bab01703aba6295487013',225,10,5,'{}','{"settle": 0.3, "concurrency": 1, "isolate": true, "isolate_requests": 40, "max_errors": null, "max_removals": "10%", "target_name": null}',0,NULL);
CREATE INDEX jobs_same_file ON jobs (file_sha256, target_key);
CREATE INDEX events_of_chunk ON events (job, chunk);
COMMIT;
