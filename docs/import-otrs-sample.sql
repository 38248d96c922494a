-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
--
-- A sample made up for PostMaster, in the form that mysqldump gives the tables of OTRS, Znuny and OTOBO.
-- Try it: flask import otrs --dry-run docs/import-otrs-sample.sql

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!50503 SET NAMES utf8mb4 */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;

DROP TABLE IF EXISTS `valid`;
CREATE TABLE `valid` (
  `id` smallint NOT NULL AUTO_INCREMENT,
  `name` varchar(200) NOT NULL,
  `create_time` datetime NOT NULL,
  `create_by` int NOT NULL,
  `change_time` datetime NOT NULL,
  `change_by` int NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `valid_name` (`name`)
) ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=utf8mb3;
LOCK TABLES `valid` WRITE;
/*!40000 ALTER TABLE `valid` DISABLE KEYS */;
INSERT INTO `valid` VALUES (1,'valid','2024-01-08 09:00:00',1,'2024-01-08 09:00:00',1),(2,'invalid','2024-01-08 09:00:00',1,'2024-01-08 09:00:00',1),(3,'invalid-temporarily','2024-01-08 09:00:00',1,'2024-01-08 09:00:00',1);
/*!40000 ALTER TABLE `valid` ENABLE KEYS */;
UNLOCK TABLES;

DROP TABLE IF EXISTS `follow_up_possible`;
CREATE TABLE `follow_up_possible` (
  `id` smallint NOT NULL AUTO_INCREMENT,
  `name` varchar(200) NOT NULL,
  `comments` varchar(250) DEFAULT NULL,
  `valid_id` smallint NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
INSERT INTO `follow_up_possible` VALUES (1,'possible','Reopens the ticket.',1),(2,'reject','Says no.',1),(3,'new ticket','Opens another one.',1);

DROP TABLE IF EXISTS `queue`;
CREATE TABLE `queue` (
  `id` int NOT NULL AUTO_INCREMENT,
  `name` varchar(200) NOT NULL,
  `group_id` int NOT NULL,
  `unlock_timeout` int DEFAULT NULL,
  `system_address_id` smallint NOT NULL,
  `follow_up_id` smallint NOT NULL,
  `follow_up_lock` smallint NOT NULL,
  `comments` varchar(250) DEFAULT NULL,
  `valid_id` smallint NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `queue_name` (`name`)
) ENGINE=InnoDB AUTO_INCREMENT=8 DEFAULT CHARSET=utf8mb3;
INSERT INTO `queue` VALUES (1,'Postmaster',1,0,1,1,0,'Postmaster queue.',1),
(2,'Raw',1,0,1,1,0,'All default incoming tickets.',2),
(3,'Junk',1,0,1,2,0,'All junk tickets.',1),
(4,'Misc',1,0,1,1,0,'All misc tickets.',1),
(5,'Sales',1,0,1,2,1,'What customers ask before they buy.',1),
(6,'Sales::Orders',1,0,1,3,1,NULL,1),
(7,'Sales::Fax',1,0,1,1,0,'Nobody sends faxes any more.',2);

DROP TABLE IF EXISTS `system_address`;
CREATE TABLE `system_address` (
  `id` smallint NOT NULL AUTO_INCREMENT,
  `value0` varchar(200) NOT NULL,
  `value1` varchar(200) NOT NULL,
  `value2` varchar(200) DEFAULT NULL,
  `value3` varchar(200) DEFAULT NULL,
  `queue_id` int NOT NULL,
  `comments` varchar(250) DEFAULT NULL,
  `valid_id` smallint NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT CHARSET=utf8mb3;
INSERT INTO `system_address` VALUES (1,'Sales@shop.example','Sales',NULL,NULL,5,'Standard address.',1),
(2,'orders@shop.example','Orders',NULL,NULL,6,NULL,1),
(3,'fax@shop.example','Fax',NULL,NULL,7,NULL,1),
(4,'help','Help',NULL,NULL,4,'An address from before there were domains.',1);

DROP TABLE IF EXISTS `mail_account`;
CREATE TABLE `mail_account` (
  `id` int NOT NULL AUTO_INCREMENT,
  `login` varchar(200) NOT NULL,
  `pw` varchar(200) NOT NULL,
  `host` varchar(200) NOT NULL,
  `account_type` varchar(20) NOT NULL,
  `queue_id` int NOT NULL,
  `trusted` smallint NOT NULL,
  `imap_folder` varchar(250) DEFAULT NULL,
  `comments` varchar(250) DEFAULT NULL,
  `valid_id` smallint NOT NULL,
  `authentication_type` varchar(100) NOT NULL DEFAULT 'password',
  `oauth2_token_config_id` int DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `FK_mail_account_valid_id` (`valid_id`),
  CONSTRAINT `FK_mail_account_valid_id` FOREIGN KEY (`valid_id`) REFERENCES `valid` (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=9 DEFAULT CHARSET=utf8mb3;
INSERT INTO `mail_account` VALUES (1,'sales','it\'s; a \\ secret','imap.shop.example','IMAPS',5,1,'INBOX','What customers write.',1,'password',NULL),
(2,'orders@shop.example','pass,word)','pop.shop.example','POP3S',0,0,NULL,NULL,1,'password',NULL),
(3,'sales','it\'s; a \\ secret','imap.shop.example','IMAPTLS',4,0,'INBOX','The same mailbox once more.',1,'password',NULL),
(4,'sales','it\'s; a \\ secret','imap.shop.example','IMAPS',4,0,'Archive/2025',NULL,3,'password',NULL),
(5,'jobs','not needed','mail.shop.example','LMTP',4,0,NULL,'A type that only they knew.',1,'password',NULL),
(6,'desk@contoso.example','-','outlook.office365.com','IMAPTLS',5,0,NULL,NULL,1,'oauth2_token',1),
(7,'returns','','imap.shop.example','IMAP',4,0,NULL,NULL,2,'password',NULL),
(8,'lost','whatever','imap.shop.example','IMAPS',99,0,NULL,NULL,1,'password',NULL);

DROP TABLE IF EXISTS `postmaster_filter`;
CREATE TABLE `postmaster_filter` (
  `f_name` varchar(200) NOT NULL,
  `f_stop` smallint DEFAULT NULL,
  `f_type` varchar(20) NOT NULL,
  `f_key` varchar(200) NOT NULL,
  `f_value` varchar(200) NOT NULL,
  `f_not` smallint DEFAULT NULL,
  KEY `postmaster_filter_f_name` (`f_name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
INSERT INTO `postmaster_filter` VALUES ('01 newsletters',1,'Match','List-Id','.+',0),('01 newsletters',1,'Match','From','EMAILADDRESS:boss@shop.example',1),('01 newsletters',1,'Set','X-OTRS-Queue','Junk',NULL),
('02 order numbers',0,'Match','Subject','order\\s+(\\d{4,})',NULL),('02 order numbers',0,'Set','X-OTRS-Title','Order [***]',NULL),('02 order numbers',0,'Set','X-OTRS-Priority','4 high',NULL),
('03 unfinished',0,'Match','Subject','(broken',NULL),('03 unfinished',0,'Set','X-OTRS-Queue','Misc',NULL);

DROP TABLE IF EXISTS `sysconfig_modified`;
CREATE TABLE `sysconfig_modified` (
  `id` int NOT NULL AUTO_INCREMENT,
  `sysconfig_default_id` int NOT NULL,
  `name` varchar(250) NOT NULL,
  `user_id` int DEFAULT NULL,
  `is_valid` smallint NOT NULL,
  `user_modification_active` smallint NOT NULL,
  `effective_value` longblob NOT NULL,
  `reset_to_default` smallint NOT NULL,
  `is_dirty` smallint NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=8 DEFAULT CHARSET=utf8mb3;
INSERT INTO `sysconfig_modified` VALUES (1,1201,'PostmasterDefaultQueue',NULL,1,0,_binary '--- Misc\n',0,0),
(2,1187,'Ticket::Hook',NULL,1,0,_binary '--- Case#\n',0,0),
(3,1202,'PostMasterMaxEmailSize',NULL,1,0,_binary '--- \'20480\'\n',0,0),
(4,1203,'PostMasterReconnectMessage',NULL,0,0,_binary '--- \'20\'\n',0,0),
(5,1204,'PostmasterDefaultState',NULL,1,0,_binary '--- to be sorted\n',0,0),
(6,1205,'PostMaster::PreFilterModule###000-MatchDBSource',NULL,1,0,_binary '---\nModule: Kernel::System::PostMaster::Filter::MatchDBSource\n',0,0),
(7,16,'ProductName',NULL,1,0,_binary '--- Shop Desk\n',0,0);
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;

-- Dump completed on 2026-11-23  9:00:00
