"""Which columns the tables about mail and tickets have in each product, in their order.

Told by the schemas that OTRS 6.0, OTRS Community Edition 6.0.41, Znuny 6.5 and 7, OTOBO 10.1 and 11 create.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

STAMPS = "create_time create_by change_time change_by"

# All products have these.
_COMMON = f"""
valid: id name {STAMPS}
follow_up_possible: id name comments valid_id {STAMPS}
ticket_state_type: id name comments {STAMPS}
ticket_state: id name comments type_id valid_id {STAMPS}
ticket_priority: id name valid_id {STAMPS}
ticket_type: id name valid_id {STAMPS}
ticket_lock_type: id name valid_id {STAMPS}
service: id name valid_id comments {STAMPS}
service_preferences: service_id preferences_key preferences_value
service_customer_user: customer_user_login service_id create_time create_by
service_sla: service_id sla_id
sla: id name calendar_name first_response_time first_response_notify update_time update_notify solution_time \
solution_notify valid_id comments {STAMPS}
sla_preferences: sla_id preferences_key preferences_value
users: id login pw title first_name last_name valid_id {STAMPS}
dynamic_field: id internal_field name label field_order field_type object_type config valid_id {STAMPS}
dynamic_field_value: id field_id object_id value_text value_date value_int
queue: id name group_id unlock_timeout first_response_time first_response_notify update_time update_notify \
solution_time solution_notify system_address_id calendar_name default_sign_key salutation_id signature_id \
follow_up_id follow_up_lock comments valid_id {STAMPS}
queue_preferences: queue_id preferences_key preferences_value
queue_standard_template: queue_id standard_template_id {STAMPS}
standard_template: id name text content_type template_type comments valid_id {STAMPS}
salutation: id name text content_type comments valid_id {STAMPS}
signature: id name text content_type comments valid_id {STAMPS}
system_address: id value0 value1 value2 value3 queue_id comments valid_id {STAMPS}
auto_response_type: id name comments valid_id {STAMPS}
auto_response: id name text0 text1 type_id system_address_id content_type comments valid_id {STAMPS}
queue_auto_response: id queue_id auto_response_id {STAMPS}
mail_account: id login pw host account_type queue_id trusted imap_folder comments valid_id {STAMPS}
mail_queue: id insert_fingerprint article_id attempts sender recipient raw_message due_time last_smtp_code \
last_smtp_message create_time
postmaster_filter: f_name f_stop f_type f_key f_value f_not
generic_agent_jobs: job_name job_key job_value
notification_event: id name valid_id comments {STAMPS}
notification_event_item: notification_id event_key event_value
notification_event_message: id notification_id subject text content_type language
sysconfig_modified: id sysconfig_default_id name user_id is_valid user_modification_active effective_value is_dirty \
reset_to_default {STAMPS}
ticket: id tn title queue_id ticket_lock_id type_id service_id sla_id user_id responsible_user_id \
ticket_priority_id ticket_state_id customer_id customer_user_id timeout until_time escalation_time \
escalation_update_time escalation_response_time escalation_solution_time archive_flag {STAMPS}
ticket_history: id name history_type_id ticket_id article_id type_id queue_id owner_id priority_id state_id {STAMPS}
ticket_loop_protection: sent_to sent_date
ticket_number_counter: id counter counter_uid create_time
article: id ticket_id article_sender_type_id communication_channel_id is_visible_for_customer \
search_index_needs_rebuild insert_fingerprint {STAMPS}
article_data_mime: id article_id a_from a_reply_to a_to a_cc a_bcc a_subject a_message_id a_message_id_md5 \
a_in_reply_to a_references a_content_type a_body incoming_time content_path {STAMPS}
article_data_mime_plain: id article_id body {STAMPS}
article_data_mime_attachment: id article_id filename content_size content_type content_id content_alternative \
disposition content {STAMPS}
article_data_mime_send_error: id article_id message_id log_message create_time
communication_log: id insert_fingerprint transport direction status account_type account_id start_time end_time
customer_user: id login email customer_id pw title first_name last_name phone fax mobile street zip city country \
comments valid_id {STAMPS}
customer_company: customer_id name street zip city country url comments valid_id {STAMPS}
customer_user_customer: user_id customer_id {STAMPS}
smime_signer_cert_relations: id cert_hash cert_fingerprint ca_hash ca_fingerprint {STAMPS}
"""

_MAIL_ACCOUNT = "id login pw host account_type queue_id trusted imap_folder"
_TOKEN = (
    "authorization_code token token_expiration_date refresh_token refresh_token_expiration_date error_message "
    "error_description error_code"
)
_ZNUNY = f"""
mail_account: {_MAIL_ACCOUNT} authentication_type oauth2_token_config_id comments valid_id {STAMPS}
oauth2_token_config: id dbcrud_uuid name config valid_id {STAMPS}
oauth2_token: id dbcrud_uuid token_config_id {_TOKEN} {STAMPS}
smime_keys: id key_hash key_type file_name email_address expiration_date fingerprint subject create_time change_time \
create_by change_by
"""
# Tables without a key got one, in front.
_ZNUNY_7 = f"""
ticket_priority: id name valid_id color {STAMPS}
ticket_state: id name comments type_id color valid_id {STAMPS}
postmaster_filter: id f_name f_stop f_type f_key f_value f_not
generic_agent_jobs: id job_name job_key job_value
queue_preferences: id queue_id preferences_key preferences_value
queue_standard_template: id queue_id standard_template_id {STAMPS}
service_preferences: id service_id preferences_key preferences_value
service_customer_user: id customer_user_login service_id create_time create_by
service_sla: id service_id sla_id
sla_preferences: id sla_id preferences_key preferences_value
notification_event_item: id notification_id event_key event_value
customer_user_customer: id user_id customer_id {STAMPS}
ticket_loop_protection: id sent_to sent_date
sendmail_config: id sendmail_module cmd host port timeout skip_ssl_verification is_fallback_config \
authentication_type auth_user auth_password oauth2_token_config_id email_addresses comments valid_id {STAMPS}
"""
# What was installed before and upgraded has new columns behind the others.
_ZNUNY_7_UPGRADED = f"""
mail_account: {_MAIL_ACCOUNT} comments valid_id {STAMPS} authentication_type oauth2_token_config_id
ticket_priority: id name valid_id {STAMPS} color
ticket_state: id name comments type_id valid_id {STAMPS} color
postmaster_filter: f_name f_stop f_type f_key f_value f_not id
"""
_OTRS_CE = f"""
ticket_priority: id name valid_id color {STAMPS}
mail_account: {_MAIL_ACCOUNT} auth_method oauth2_token_config_id comments valid_id {STAMPS}
oauth2_token_config: id name config valid_id {STAMPS}
oauth2_token: id config_id {_TOKEN} {STAMPS}
"""
# With the package Znuny4OTRS-AdvancedMailAccount, and with MailAccount-OAuth2.
_ADD_ON = f"""
z4o_mail_account: mail_account_id authentication_type oauth2_token_config_id
oauth2_token_config: id name config valid_id {STAMPS}
oauth2_token: id token_config_id {_TOKEN} {STAMPS}
"""
_OTOBO_ADD_ON = f"""
mail_account: {_MAIL_ACCOUNT} comments valid_id {STAMPS} oauth2_profile
auth_token: account_type account_id token_type token
"""
_OTOBO_11 = f"""
standard_template: id name text content_type template_type comments valid_id preselected_ticket_state_id {STAMPS}
dynamic_field_value: id field_id object_id value_text value_date value_int index_value index_set
article_version: id ticket_id article_sender_type_id communication_channel_id is_visible_for_customer \
search_index_needs_rebuild insert_fingerprint {STAMPS} source_article_id version_create_by version_create_time \
article_delete
"""


def _tables(*texts: str) -> dict[str, Sequence[str]]:
    """The tables, each as the last of ``texts`` has it."""
    rows = (line.partition(":") for text in texts for line in text.strip().splitlines())
    return {name: columns.split() for name, _, columns in rows}


COLUMNS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "OTRS 6": _tables(_COMMON),
    "OTRS 6, Znuny4OTRS": _tables(_COMMON, _ADD_ON),
    "OTRS CE 6.0.41": _tables(_COMMON, _OTRS_CE),
    "Znuny 6.5": _tables(_COMMON, _ZNUNY),
    "Znuny 7": _tables(_COMMON, _ZNUNY, _ZNUNY_7),
    "Znuny 7, upgraded": _tables(_COMMON, _ZNUNY, _ZNUNY_7, _ZNUNY_7_UPGRADED),
    "OTOBO 10": _tables(_COMMON),
    "OTOBO 10, MailAccount-OAuth2": _tables(_COMMON, _OTOBO_ADD_ON),
    "OTOBO 11": _tables(_COMMON, _OTOBO_11),
}
