# Messages in English. The name of a message is the error code in the response; every file in this folder has the same names.

## Any request

malformed = The request could not be read. Check that it was sent completely and that its body and parameters are valid JSON or form data, then send it again.
invalid_parameter = Some query parameters are invalid. Correct the parameters listed in errors and try again.
unknown_parameter = There is no parameter “{ $name }” here. Correct the name or remove the parameter. Allowed parameters: { $known }.
page_too_far = Page numbers reach only the first { $reach } records. To read further, use the cursor parameter (start with an empty value) or narrow the filters.
no_such_path = There is nothing at this address. Check the path in the documentation at /swagger-ui/.
method_not_allowed = This address exists but does not support this method. Use one of the methods in the Allow header.
origin_not_allowed = Pages of this origin may not call this server. Add the origin to CORS_ALLOWED_ORIGINS, or serve the page from an origin that is listed there.
preflight_refused = Pages of other origins may not send this method or one of these headers. Allowed headers: { $headers }.
stale_version = The record was changed after you read it. Read it again and repeat your change with the new ETag.
body_timeout = The request body did not arrive in time. Check the connection and send the request again.
body_too_large = The request body is too large. Make it smaller or split it: the limit is 1 MiB for JSON, 16 KiB for a sign-in and 10 MiB for a file.
unsupported_media_type = This content type is not supported here. Set Content-Type to the type given in the documentation, usually application/json.
invalid = Some fields are invalid. Correct the fields listed in errors and send the request again.
amount_out_of_range = The amount or the resulting balance would exceed the limit (99,999,999,999.99). Use a smaller amount or split it.
idempotency_key_reused = This Idempotency-Key was already used for a different request. Use a new key for a new request.
idempotency_key_in_use = The first request with this Idempotency-Key is still running. Wait a moment, then repeat it with the same key.
duplicate = Such a record already exists. Find it, or change the value that must be unique.
in_use = Other records refer to this one, so it cannot be deleted. Remove those references first.
too_many_requests = Too many requests. Try again after the time in the Retry-After header.
database_not_empty = The database holds data already. This command needs an empty one: set another in DATABASE_URL.
database_away = The database is unavailable or too busy. Try again after the time in the Retry-After header.
database_full = The database cannot store changes: its disk is full or faulty. Nothing was changed. Repeat the request with the same Idempotency-Key after the time in the Retry-After header.
files_away = The file storage is unavailable. Try again in a moment.
internal = An internal error occurred. Try again later; if it happens again, report the request_id of this response to support.

## Single fields

required = A value is required. Enter one.
unknown_field = There is no such field. Correct the name or remove the field.
read_only = This field is read-only. Remove it from the request or send its current value.
invalid_type = The value has the wrong type. Use the type given in the documentation, such as a number, a string or an object.
invalid_format = { $form ->
        [date] This is not a date. Enter one as year, month and day, such as 2026-01-31.
        [time] This is not a time with its zone. Enter one such as 2026-01-31T09:00:00Z or 2026-01-31T12:00:00%2B03:00; in a URL, a plus is written %2B.
        [number] This is not a whole number. Enter one in digits, without blanks.
        [key] An Idempotency-Key has from 1 to 255 printable ASCII characters, such as 0193f0a2-6a5e-7c3b-9f64-2f6f0c1d2e3f. Use another key.
        [cursor] This cursor does not belong to this list and this ordering. Start with an empty cursor, then use those of next.
       *[other] The value has the wrong format. Follow the example in the documentation.
    }
invalid_choice = This value is not allowed. Choose one of: { $choices }.
invalid_length = The length is out of range: from { $min } to { $max } characters or list items are allowed. Shorten or extend the value.
out_of_range = The value is out of range. Enter a value from { $min } to { $max }.
invalid_id = { $form ->
        [parameter] An id is a whole number above zero. Enter one in digits, or several separated by commas.
       *[other] An id is a whole number above zero. Send it without quotes or a fraction.
    }
control_character = The text contains characters that are not allowed here: control characters, or a line break in a text of one line. Remove them.
invalid_amount = This is not a valid amount. Enter a number with at most two decimals, such as "1000.00", within ±99,999,999,999.99.
invalid_percent = This is not a valid percentage. Enter a number from 0 to 100 with at most two decimals, such as "10.00".
invalid_quantity = This is not a valid quantity. Enter a non-negative number with at most two decimals, such as "20.00".
invalid_email = This is not an e-mail address that mail can be sent to. Enter one such as ivanov@example.com.
invalid_phone = This is not a complete phone number. Enter { $prefix } followed by { $digits } digits, with or without spaces, brackets and hyphens. A contact phone of another country begins with + and the code of that country.
invalid_inn = This tax number does not follow the rules of the country. Check that it consists of digits only, is complete, and has no mistyped digit: its last digits must follow from the others.
invalid_document = The series or number does not follow the country's rules for this document. Compare it with the document and correct it.
invalid_age = With this birth date the age is not between 14 and 120 years. Check the date.
invalid_iccid = This is not a valid ICCID. Copy the 19 or 20 digits from the SIM card, without spaces.
in_the_past = This time has already passed. Enter a time in the future.
ends_before_begin = The end is earlier than the beginning. Correct one of the dates.
not_found = There is no such record. Check the id and choose an existing record.
duplicate_value = This value is already in use or is given twice, and it must be unique. Enter another value or remove the repetition.
unknown_permission = There is no such permission. Choose from GET /api/v1/permissions.
granted_and_denied = Permission { $permission } is both granted and denied. Keep only one of the two.
weak_password = This password is easy to guess. Make it longer and avoid names, dates and common words.
password_is_username = The password is the same as the user name. Choose another password.
wrong_password = The current password is wrong. Enter it again.
mismatch = This value belongs to a different record than the rest of the request. Use values that belong together.
assignee_cannot_work = This user has no permission to work on tickets. Choose another user, or grant the permission first.
reserved_prefix = Values that begin with { $prefixes } are reserved for the system. Use a different beginning.
wrong_encoding = The file is not UTF-8 text. Save it as CSV in UTF-8 and send it again.
file_empty = The file is empty. Choose a file that has content.
file_type_not_allowed = Files of this type are not accepted. Attach a file of one of these types: { $types }.
file_type_mismatch = The content of the file does not match its name or declared type. Send it with the correct name and type.
unknown_placeholder = Messages of this kind have no placeholder { $name }. Use only: { $known }.
invalid_placeholder = A placeholder is a name in double braces, such as {"{{"}amount{"}}"}. Correct the placeholder that is not closed or has no name.
invalid_url = { $form ->
        [plain] This URL is without TLS and is not allowed. Enter one that begins with https://, or set WEBHOOKS_ALLOW_PRIVATE=true.
       *[other] This is not a URL that can be called. Enter one such as https://example.com/hooks, without user name, password or fragment.
    }
url_not_public = This URL leads to the server itself or to a private network and is not allowed. Enter a public URL, or set WEBHOOKS_ALLOW_PRIVATE.

## Subscribers

customer_not_found = There is no such subscriber. Check the id, or find the subscriber in the list.
customer_duplicate = { $owner ->
        [none] A subscriber with these details already exists. Check the fields listed in errors, or open the existing record.
       *[other] These details belong to { $owner }. If it is the same subscriber, open the existing record. If a phone number or an e-mail address has a new owner by now, change it in the existing record first, then repeat the request.
    }
customer_not_active = The subscriber is { $status ->
        [suspended] suspended
        [blocked] blocked
        [archived] archived
       *[other] not active
    }, so this action is not possible. Make the subscriber active first, or choose another.
customer_wrong_state = Subscriber { $id } is { $status ->
        [active] active
        [suspended] suspended
        [blocked] blocked
        [archived] archived
       *[other] { $status }
    }, and this action is allowed only from: { $from }. Bring the subscriber into one of these states first.
customer_has_contracts = The subscriber has contracts that are not terminated: { $contracts }. Terminate them or delete the drafts, then archive the subscriber.
customer_merged = This record was merged into subscriber { $survivor }. Use that subscriber instead; a merged record cannot be restored.
customer_merge_with_itself = A subscriber cannot be merged with itself. Set duplicate_id to the other record.
customer_merge_mismatch = One of the two is a person and the other is an organization. If they are the same subscriber, correct customer_type first.

## Contracts

contract_not_found = There is no such contract. Check the id, or find the contract in the list.
contract_not_draft = Only a draft can be activated, and this contract is { $status ->
        [active] already active
        [suspended] suspended
        [terminated] terminated
       *[other] not a draft
    }. Read the contract again, or draw up a new one.
promise_off = Promised payments are switched off here. Take a payment instead.
promise_active = A promised payment is already running on this contract. Wait until it is paid or its time ends.
promise_used = There was already a promised payment in this period. The next is possible in the next period; take a payment instead.
promise_broken = An earlier promised payment was not made. Take a payment that covers the balance; after that a promise is possible again.
contract_not_running = The contract is { $status ->
        [draft] still a draft
        [terminated] terminated
       *[other] not in force
    }, so it cannot be suspended or resumed. Choose an active or suspended contract.
contract_terminated = Contract { $number } is terminated and can no longer be changed. Draw up a new contract.
hold_present = The contract is already suspended for this reason: { $reason ->
        [debt] debt
        [request] the subscriber's request
        [fraud] suspected fraud
        [customer] the subscriber's status
        [no_sim] no working SIM card
       *[other] { $reason }
    }. There is nothing to do; if you meant another reason, send that one.
hold_absent = The contract is not suspended for this reason: { $reason ->
        [debt] debt
        [request] the subscriber's request
        [fraud] suspected fraud
        [customer] the subscriber's status
        [no_sim] no working SIM card
       *[other] { $reason }
    }. The field holds lists the reasons that are in force; send one of them.
contract_without_sim = The contract has no SIM card, so it cannot be activated. Send sim_id with the request, or put it on the contract first.
contract_not_deletable = Only a draft can be deleted, and this contract is { $status ->
        [active] active
        [suspended] suspended
        [terminated] terminated
       *[other] not a draft
    }. A running contract is terminated instead.
contract_in_use = Payments or tickets refer to contract { $number }, so it cannot be deleted. Terminate it instead and refund the payments.
credit_right_missing = Without permission { $permission } the credit limit can be up to { $credit_limit } and the discount up to { $discount } %. Choose less, or ask somebody who has the permission.
checklist-contract-not-draft = The contract is a draft.
checklist-customer-not-active = The subscriber is active.
checklist-tariff-retired = The tariff is open to new contracts.
checklist-option-retired = The options are available for new orders.
checklist-option-incompatible = The options are compatible with the tariff.
checklist-options-exclusive = The options are compatible with each other.
checklist-contract-without-sim = The contract has a SIM card.
checklist-sim-not-free = The SIM card is free.
checklist-sim-without-number = The SIM card has a phone number.
checklist-number-not-available = The phone number is available.
contract_not_in_force = Contract { $number } is still a draft, so this action cannot change its tariff or options. Edit the draft, or activate it first.
tariff_unchanged = The contract already has the tariff “{ $name }”, now or from the next period on. Choose another tariff; to keep the current one, cancel the planned change.
options_present = The contract already has some of these options, now or from the next period on. Leave out the options listed in its fields options and next_options.
options_absent = The contract does not have some of these options. Remove only options listed in its fields options and next_options.
no_planned_change = No change of tariff or options is planned for the next period, so there is nothing to cancel.
balance_too_low = The change costs { $due } for the rest of the period, and the balance is short by { $missing }. Top up the balance first, or make the change with the next period.
billing_run_not_found = There is no such billing run. Check the id, or find the run in the list.

## Payments

payment_not_found = There is no such payment. Check the id, or find the payment in the list.
payment_duplicate = A payment with this transaction_id already exists. Find it, or give the new payment another transaction_id.
payment_wrong_state = The payment is in state { $status }, and this action is allowed only from: { $from }. Read the payment again. To give back money that was received, make a refund.
payment_not_a_charge = Only a charge that was made has an explanation. Find the contract's charges in its payments with transaction_type=charge.
payment_not_refundable = Only a successful payment can be refunded, and this is a transaction of type { $type } in state { $status }. Choose a successful payment, or post a correction.
refund_too_large = Only { $left } of this payment can still be refunded. Enter an amount that is not larger.
refund_exceeds_balance = The money of this payment is used up: the balance leaves { $left } to refund. Enter an amount that is not larger, or ask somebody who may also correct balances.
contract_not_terminated = Contract { $number } is not terminated, so nothing is paid out. Terminate it first, or refund one of its payments.
payout_too_large = Only { $left } is left to pay out on this contract. Enter an amount that is not larger.
payment_without_receipt = Only a successful payment or refund has a receipt, and this is a transaction of type { $type } in state { $status }. Process the payment first, or choose another.
gateway_not_found = There is no payment gateway with this name. Choose one from GET /api/v1/payments/gateways, or enable it in GATEWAYS.
gateway_away = The gateway does not respond, and payment { $payment } stays pending. Repeat the request with the same Idempotency-Key after the time in the Retry-After header. A payment that is not paid in time fails automatically.
gateway_refused = The gateway refused payment { $payment }, and the payment has failed: { $reason }. Correct the cause, or choose another payment method.
gateway_refund_refused = The gateway refused refund { $refund }, and no money was returned: { $reason }. Return the money in another way, or try again later.
gateway_refund_not_found = There is no such gateway refund. Check the id, or find it in GET /api/v1/payments/gateway-refunds.
payment_quarantined = What the gateway reports does not match this payment ({ $reason }), so the payment waits for a decision. See GET /api/v1/payments/gateway-events, then decide with POST …/resolve.
gateway_refund_not_unanswered = This refund does not need a decision: the gateway has reported the result or is still being asked. Read the refund again.
payment_not_quarantined = This payment does not need a decision. Read it again: somebody may have decided already.
event_not_signed = The signature of the event is missing or wrong. Sign webhook-id, webhook-timestamp and the body exactly as sent with the current key, and check your clock.
terminal_off = Payments from terminals are disabled. Set TERMINAL_KEY or TERMINALS to enable them.
terminal_money_used = The money has been used: the balance is { $balance }. The payment cannot be cancelled at the terminal; the subscriber's office decides about it.
terminal_key_wrong = The terminal key is missing or wrong. Send it in the header X-Terminal-Key, or as the password of HTTP Basic.
reconciliation_not_found = There is no such reconciliation. Check the id, or find it in the list.
reconciliation_too_large = More than { $limit } payments were received on these days. Choose a shorter range of days.

## Tariffs

tariff_not_found = There is no such tariff, or it was not yet in force on that day. Check the id in the list of tariffs.
tariff_name_taken = Another tariff has this name. Choose a different name, or change the existing tariff.
tariff_retired = The tariff “{ $name }” is retired and not available for new contracts. Choose an active tariff, or activate this one again.
tariff_already_retired = The tariff “{ $name }” is already retired, so there is nothing to do. To sell it again, activate it.
tariff_already_active = The tariff “{ $name }” is already active, so there is nothing to do. To stop selling it, deactivate it.
tariff_in_use = Contracts have or had the tariff “{ $name }”, so it cannot be deleted. Deactivate it instead: existing contracts keep it, and new contracts cannot use it.
tariff_version_in_use = Billing periods already use the prices in force from { $day }, so these prices cannot be changed. Set effective_from to a later day.

## Options

option_not_found = There is no such option. Check the id in the list of options.
option_code_taken = Another option has this code. Choose a different code, or change the existing option.
option_in_use = Contracts have or had option { $code }, so it cannot be deleted. Set is_active to false instead: existing contracts keep it, and it cannot be added again.
option_retired = These options are retired and cannot be added: { $codes }. Leave them out, or choose others.
option_incompatible = These options are not compatible with the tariff: { $codes }. Remove them, or choose another tariff.
options_exclusive = These options exclude each other: { $codes }. Keep only options that can be combined.
options_had_together = These options cannot be made to exclude each other, because some contracts have both, for example the contracts with these ids: { $contracts }. Remove one of the options there first.

## SIM cards and numbers

sim_not_found = There is no such SIM card. Check the id in the list of SIM cards.
sim_duplicate = A SIM card with these details already exists. Check the fields listed in errors, or open the existing card.
sim_not_free = Only a free SIM card can be bound, and this one is { $status ->
        [active] active
        [suspended] suspended
        [blocked] blocked
        [closed] closed
       *[other] not free
    }. Choose a free card.
sim_not_active = Only an active SIM card can be suspended, and this one is { $status ->
        [free] still free
        [suspended] already suspended
        [blocked] blocked
        [closed] closed
       *[other] not active
    }. Read the card again and check the state of its contract.
sim_not_suspended = Only a suspended SIM card can be resumed, and this one is { $status ->
        [free] still free
        [active] already active
        [blocked] blocked
        [closed] closed
       *[other] not suspended
    }. Read the card again and check the state of its contract.
sim_not_bound = The SIM card is not bound to a contract: it is { $status ->
        [free] free
        [blocked] blocked
        [closed] closed
       *[other] not in use
    }. Choose the card that is bound to the contract.
sim_wrong_state = A SIM card that is { $status ->
        [free] free
        [active] active
        [suspended] suspended
        [blocked] { $bound ->
            [yes] blocked and bound to a contract
           *[no] blocked
        }
        [closed] closed
       *[other] in this state
    } { $action ->
        [block] cannot be blocked. Choose a card that is free, active or suspended.
        [unblock] cannot be unblocked. Choose a card that is blocked.
        [edit] can no longer be changed. Use another card.
        [close] cannot be closed. To close a card in use, deactivate it, replace it, or terminate its contract.
       *[other] does not allow this. Read the card again.
    }
sim_was_bound = This SIM card has been used by a contract and must stay on record. Close a card that is no longer needed; do not delete it.
sim_in_use = A draft contract uses this SIM card. Choose another card for the draft, or delete the draft, and try again.
sim_without_number = SIM card { $iccid } has no phone number. Give it a number, or choose a card that has one.
number_not_found = There is no such phone number. Check it in the list of numbers, or add it first.
number_reserved = Number { $msisdn } is reserved for another subscriber until { $until }. Choose another number, or end the reservation first with the action release.
number_not_available = Number { $msisdn } cannot be used: it is { $status ->
        [reserved] reserved
        [assigned] already assigned
        [quarantined] in quarantine
        [ported_out] ported to another operator
       *[other] not available
    }. Choose an available number.
number_wrong_state = Number { $msisdn } is { $status ->
        [available] available
        [reserved] reserved
        [assigned] assigned to a contract
        [quarantined] in quarantine
        [ported_out] ported to another operator
       *[other] in another state
    }, so it cannot be { $action ->
        [reserve] reserved. Choose an available number, or release this one first if it is reserved.
        [release] released. Choose a reserved number, or one that was ported out and has returned.
        [port_out] ported out. Terminate its contract first if it has one.
       *[other] changed in this way. Read the number again.
    }
number_on_sim = Number { $msisdn } is on a SIM card, so it cannot be ported out. Remove it from the card first.
number_taken = Number { $msisdn } is already on another SIM card. Choose another number, or use that card.
number_duplicate = These numbers already exist: { $numbers }. Nothing was added. Leave them out of the range and try again.

## Tickets

ticket_not_found = There is no such ticket. Check the id, or find the ticket in the list.
ticket_wrong_state = The ticket is in state { $status }, and this action is allowed only from: { $from }. Bring the ticket into one of these states first.
ticket_not_assigned = The ticket is not assigned to anybody. Assign it first; a new ticket is in progress from then on.
ticket_taken_up = Only a new ticket that nobody has worked on or answered can be deleted. Close this ticket with a reason instead.
ticket_attachment_not_found = The ticket has no such file. Check the id, or find the file in the ticket's list.
ticket_attachments_full = The ticket already has { $most } files, which is the limit. Delete a file that is no longer needed.
ticket_merged = The ticket was merged into ticket { $into }. Work on that ticket instead.
canned_answer_not_found = There is no such canned answer. Check the id, or find it in the list.
canned_answer_title_taken = Another canned answer has the title { $title }. Choose another title, or change that answer.
canned_answers_full = There are already { $most } canned answers, which is the limit. Delete one that is no longer needed.
mail_unreadable = This is not a mail, or it has no sender. Send the source of the message as the mail server received it, with all its headers.
mail_sender_unknown = No subscriber has this e-mail address, and the mail names no ticket. Enter the address for the subscriber, or name a subscriber for such mail in fallback_customer_id.

## Notifications, events, webhooks

notification_not_found = There is no such notification. Check the id, or find it in the list.
notification_wrong_state = The notification is in state { $status }, and it can be sent again only from: { $from }. Choose a notification in one of these states.
channel_not_configured = Channel { $channel } is not configured, so nothing can be sent. Configure it (see docs/operations.md), restart the server and try again.
template_not_found = There is no such template: events of this kind are not sent through this channel. Find the existing templates in the list.
events_forgotten = { $why ->
        [beyond] The newest event is { $newest }, which is before yours: the events are not those that you know, as after a backup was restored. Read the records again, then continue without last_event_id.
       *[old] Events up to { $forgotten } are no longer kept, so events after yours would be missing. Read the records again, then continue without last_event_id.
    }
event_streams_full = { $whose ->
        [caller] You have { $limit } open event streams, which is your share. Close one that is not needed, or use one stream for several purposes.
       *[all] The server has reached its limit of { $limit } open event streams. Close a stream that is not needed, or try again later.
    }
webhook_endpoint_not_found = There is no such webhook endpoint. Check the id, or find it in the list.
webhook_endpoints_full = There are already { $most } webhook endpoints, which is the limit. Delete one that is no longer needed.
webhook_endpoint_inactive = The webhook endpoint is not active. Set is_active to true first.
webhook_delivery_not_found = There is no such delivery. Find it in the list of deliveries of its webhook endpoint.
webhook_delivery_wrong_state = The delivery is still pending and is retried automatically. Wait for the next attempt.

## Sign-in, users and roles

not_signed_in = You are not signed in. Send an access token in the header Authorization: "Bearer …". To get one, use POST /api/v1/auth/login.
token_invalid = The token is not valid. Sign in again with POST /api/v1/auth/login, and send the access token, not the refresh token.
token_expired = The token has expired. Get new tokens with POST /api/v1/auth/refresh, or sign in again.
ticket_invalid = This ticket opens nothing: it was used already, has expired, or belongs to another address. Request a new one.
too_many_tickets = You have { $most } unused tickets, which is the limit. Try again after the time in the Retry-After header.
session_ended = The session has ended. Sign in again.
token_revoked = The token was revoked. Create a new one with POST /api/v1/auth/api-tokens.
account_disabled = The account is blocked, inactive or outside its period of validity. Ask an administrator to restore it.
sign_in_failed = The user name or password is wrong, or the account cannot sign in now. Check both. After several failed attempts wait up to an hour, or ask an administrator.
sign_in_rate_limited = Too many sign-in attempts from your address. Try again after the time in the Retry-After header.
refresh_reused = This refresh token was already used, so the session was ended for security. Sign in again. If you used the token only once, change your password.
permission_missing = Permission { $permission } is required. Ask an administrator for a role that has it.
grant_not_held = You cannot grant permission { $permission }, because you do not have it. Leave it out, or ask an administrator who has it.
replay_right_lost = The request was carried out before, but its stored response is for callers with permission { $permission }, which you no longer have. Read the result with GET, or ask an administrator.
user_holds_more = This user manages users or roles and has permission { $permission }, which you do not have, so you cannot change the account. Ask an administrator who has it.
user_not_found = There is no such user. Find the user in GET /api/v1/users.
role_not_found = There is no such role. Find the role in GET /api/v1/roles.
session_not_found = You have no such open session. Find your sessions in GET /api/v1/auth/sessions.
api_token_not_found = There is no such token. Find your tokens in GET /api/v1/auth/api-tokens, and those of another user in GET /api/v1/users/(id)/api-tokens.
last_administrator = No active administrator would remain. Make another user an administrator first.
own_account = You cannot do this to your own account. Ask another administrator. To change your password, use POST /api/v1/auth/change-password.
builtin_role = Role { $role } is built in and cannot be renamed or deleted; the role admin cannot be changed at all. Create your own role with POST /api/v1/roles.
role_in_use = The role is still assigned to users (at least { $users }). Assign them another role first.
role_name_taken = A role named { $name } already exists. Choose another name, or edit that role.
username_taken = A user named { $username } already exists (upper and lower case are not distinguished). Choose another name.
user_in_use = Other records refer to this user, so the user cannot be deleted. Set is_active to false instead.
already_blocked = The user is already blocked. To change the end or the reason, unblock the user first.
not_blocked = The user is neither blocked nor locked, so there is nothing to lift. Read the user again.
not_a_session = This cannot be done with a script token. Sign in with user name and password, and use that access token.
too_many_api_tokens = You already have { $most } tokens, which is the limit. Revoke one that is no longer used.

## Permissions

permission-customers-read = See subscribers.
permission-customers-write = Create and change subscribers and their status.
permission-customers-delete = Archive subscribers.
permission-customers-merge = Merge duplicate subscribers.
permission-customers-pii = See personal data unmasked.
permission-customers-import = Import subscribers from files.
permission-customers-export = Export subscribers to files.
permission-sims-read = See SIM cards and numbers.
permission-sims-write = Create and change SIM cards and numbers.
permission-sims-status = Block, unblock, close and deactivate SIM cards.
permission-sims-delete = Delete SIM cards that never were bound.
permission-sims-puk = See PUK codes.
permission-sims-import = Import SIM cards from files.
permission-sims-export = Export SIM cards to files.
permission-tariffs-read = See tariffs and options.
permission-tariffs-write = Create, change and retire tariffs and options.
permission-tariffs-delete = Delete tariffs that no contract used.
permission-tariffs-export = Export tariffs to files.
permission-contracts-read = See contracts.
permission-contracts-write = Draw up and change contracts, swap SIM cards.
permission-contracts-activate = Activate contracts.
permission-contracts-hold = Suspend and resume contracts.
permission-contracts-terminate = Terminate contracts.
permission-contracts-credit = Grant credit limits and discounts above the usual bounds.
permission-contracts-export = Export contracts to files.
permission-payments-read = See payments and charges.
permission-payments-take = Take, process, fail and cancel payments.
permission-payments-refund = Refund payments.
permission-payments-correct = Correct balances.
permission-payments-reconcile = Reconcile settlement files.
permission-payments-export = Export payments to files.
permission-billing-read = See billing runs and previews.
permission-billing-run = Start billing runs.
permission-tickets-read = See tickets.
permission-tickets-write = Create and change tickets, comment and attach files.
permission-tickets-work = Work on tickets and solve them.
permission-tickets-assign = Assign tickets and edit the canned answers.
permission-tickets-delete = Delete tickets.
permission-tickets-export = Export tickets to files.
permission-reports-read = See reports, the dashboard and statistics.
permission-notifications-read = See notifications.
permission-notifications-manage = Retry notifications and edit their templates.
permission-webhooks-manage = Manage outgoing webhooks.
permission-users-read = See staff users and roles.
permission-users-manage = Create, change, block and delete staff users.
permission-roles-manage = Edit what roles may do.
permission-audit-read = See and verify the audit trail.
permission-system-manage = Manage the system itself.

## Enum values

# GET /api/v1/meta returns these words; `.` in a value is written `-` here.
enum-Automatic =
    .auto_submitted = Automatic reply
    .bulk = Mailing list
    .report = Delivery or read report
    .loop = Mail loop
enum-Breach =
    .row_missing = A row is missing
    .row_altered = A row was altered
    .head_mismatch = The end of the trail does not match
enum-Channel =
    .email = E-mail
    .sms = Text message
    .in_app = In the application
enum-ContractStatus =
    .draft = Draft
    .active = Active
    .suspended = Suspended
    .terminated = Terminated
enum-CustomerStatus =
    .active = Active
    .suspended = Suspended
    .blocked = Blocked
    .archived = Archived
enum-CustomerType =
    .individual = Person
    .organization = Organization
enum-Decision =
    .accept = Accept
    .fail = Fail
    .dismiss = Dismiss
enum-DeliveryStatus =
    .pending = Pending
    .delivered = Delivered
    .failed = Failed
enum-DocumentType =
    .passport = Passport
    .id_card = Identity card
    .foreign_passport = Passport for travel
    .driver_license = Driving licence
    .residence_permit = Permanent residence permit
    .temporary_residence = Temporary residence permit
    .temporary_id_card = Temporary identity card
enum-DuplicateReason =
    .same_document = Same document
    .same_inn = Same tax number
    .same_organization_code = Same organization code
    .same_name_and_birth_date = Same name and birth date
    .similar_name_and_birth_date = Similar name, same birth date
    .similar_name_and_address = Similar name, same address
    .same_phone = Same phone
    .same_email = Same e-mail
    .same_name = Same name
enum-EventKind =
    .change = Change
    .hold = Hold
    .binding = SIM card
enum-EventOutcome =
    .applied = Applied
    .no_change = No change
    .quarantined = Quarantined
    .held = Waits for a decision
    .unknown_payment = Unknown payment
    .unknown_refund = Unknown refund
enum-FileStanding =
    .ok = Available
    .away = Unavailable
enum-FoundType =
    .customer = Subscriber
    .contract = Contract
    .sim = SIM card
    .ticket = Ticket
enum-GatewayEventType =
    .payment-processing = Payment is being processed
    .payment-succeeded = Payment succeeded
    .payment-failed = Payment failed
    .payment-refunded = Payment refunded
    .refund-failed = Refund failed
enum-GatewayMethod =
    .card = Card
    .mobile_payment = Mobile wallet
    .auto_payment = Recurring payment
enum-GatewayRefundStatus =
    .requested = Requested
    .unanswered = No answer from the gateway
    .done = Done
    .failed = Failed
enum-HoldReason =
    .debt = Debt
    .request = Subscriber’s request
    .fraud = Fraud
    .customer = Subscriber is suspended
    .no_sim = No working SIM card
enum-IncomingMethod =
    .cash = Cash
    .bank_transfer = Bank transfer
    .terminal = Terminal
    .card = Card
    .mobile_payment = Mobile wallet
    .auto_payment = Recurring payment
enum-Language =
    .ru = Russian
    .en = English
enum-LineKind =
    .tariff = Tariff
    .option = Option
enum-MailOutcome =
    .ticket_created = Ticket created
    .comment_added = Comment added
    .ignored = Ignored
enum-NotificationStatus =
    .pending = Pending
    .sent = Sent
    .failed = Failed
    .logged = Kept, not sent
enum-NumberStatus =
    .available = Available
    .reserved = Reserved
    .assigned = Assigned
    .quarantined = In quarantine
    .ported_out = Ported out
enum-OptionKind =
    .minutes = Minutes
    .sms = Messages
    .data = Data
    .service = Service
enum-OutgoingMethod =
    .cash = Cash
    .bank_transfer = Bank transfer
enum-PaymentMethod =
    .cash = Cash
    .card = Card
    .bank_transfer = Bank transfer
    .mobile_payment = Mobile wallet
    .terminal = Terminal
    .auto_payment = Recurring payment
    .system = By the system
enum-PaymentStatus =
    .pending = Pending
    .processing = Processing
    .success = Successful
    .failed = Failed
    .refunded = Refunded
    .cancelled = Cancelled
enum-PromiseStatus =
    .active = Active
    .kept = Kept
    .broken = Broken
    .ended = Ended
enum-Quarantine =
    .wrong_amount = Wrong amount
    .wrong_currency = Wrong currency
    .paid_after_end = Paid after its end
    .refund_before_payment = Refund before the payment
    .refund_too_large = Refund too large
    .not_accepted = Cannot be accepted
enum-RefundDecision =
    .accept = The refund took place
    .fail = There was no refund
    .ask_again = Ask the gateway again
enum-RowKind =
    .matched = Matched
    .missing_here = Missing here
    .missing_there = Missing there
    .different_amount = Different amount
    .repeated = Repeated in the file
    .unreadable = Cannot be read
enum-RunState =
    .running = Running
    .finished = Finished
    .failed = Failed
enum-SimKind =
    .physical = Physical card
    .esim = eSIM
enum-SimLoss =
    .lost = Lost
    .stolen = Stolen
    .broken = Broken
enum-SimStatus =
    .free = Free
    .active = Active
    .suspended = Suspended
    .blocked = Blocked
    .closed = Closed
enum-SimWarning =
    .iccid_check_digit = Check digit of the ICCID is wrong
    .imsi_of_another_country = IMSI is of another country
enum-StaffHold =
    .request = Subscriber’s request
    .fraud = Fraud
enum-SystemEventKind =
    .customer-created = Subscriber registered
    .customer-changed = Subscriber changed
    .tariff-created = Tariff created
    .tariff-changed = Tariff changed
    .tariff-deleted = Tariff deleted
    .option-created = Option created
    .option-changed = Option changed
    .option-deleted = Option deleted
    .contract-created = Contract drawn up
    .contract-changed = Contract changed
    .contract-deleted = Draft deleted
    .sim-created = SIM card registered
    .sim-changed = SIM card changed
    .sim-deleted = SIM card deleted
    .number-created = Number added
    .number-changed = Number changed
    .payment-received = Payment received
    .payment-failed = Payment failed
    .payment-refunded = Payment refunded
    .payment-charged = Amount charged
    .payment-corrected = Balance corrected
    .period-charged = Period charged
    .balance-low = Balance is low
    .promise-granted = Promised payment granted
    .promise-kept = Promised payment made
    .promise-broken = Promised payment not made
    .contract-activated = Contract activated
    .contract-suspended = Contract suspended
    .contract-resumed = Contract resumed
    .contract-terminated = Contract terminated
    .sim-status_changed = SIM card status changed
    .ticket-created = Ticket created
    .ticket-assigned = Ticket assigned
    .ticket-status_changed = Ticket status changed
    .ticket-changed = Ticket changed
    .ticket-deleted = Ticket deleted
    .user-locked = User locked
enum-TariffType =
    .prepaid = Prepaid
    .postpaid = Postpaid
enum-TicketAction =
    .created = Created
    .edited = Edited
    .assigned = Assigned
    .started = Started
    .waiting = Put on hold
    .resumed = Resumed
    .resolved = Resolved
    .closed = Closed
    .reopened = Reopened
    .priority_changed = Priority changed
    .commented = Commented
    .attached = File attached
    .detached = File removed
    .merged = Merged
enum-TicketCategory =
    .technical = Technical
    .billing = Billing
    .tariff = Tariff
    .sim = SIM card
    .complaint = Complaint
    .other = Other
enum-TicketPriority =
    .low = Low
    .medium = Medium
    .high = High
    .critical = Critical
enum-TicketStatus =
    .new = New
    .in_progress = In progress
    .waiting = Waiting
    .resolved = Resolved
    .closed = Closed
enum-TransactionType =
    .payment = Payment
    .charge = Charge
    .refund = Refund
    .correction = Correction
    .payout = Payout
enum-VersionStatus =
    .future = Future
    .current = Current
    .past = Past
enum-When =
    .now = Now
    .next_period = From the next period
