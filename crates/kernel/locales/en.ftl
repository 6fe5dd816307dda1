# Messages in English. A message's name is the error code in the answer; every file in this folder has the same names.

## Any request

malformed = The request could not be read. Check that it was sent whole and that its body and parameters are well-formed JSON or form data, then send it again.
invalid_parameter = Some query parameters are wrong. Correct those listed in errors and try again.
unknown_parameter = There is no parameter “{ $name }” here. Correct the name or leave it out; these can be used: { $known }.
page_too_far = Pages reach only the first { $reach } records. To read on, use the cursor parameter (begin with an empty one), or narrow the filters.
no_such_path = There is nothing at this address. Check the path in the documentation at /swagger-ui/.
method_not_allowed = The address is right, but it does not take this method. Use one of the methods named in the Allow header and in the documentation at /swagger-ui/.
stale_version = The record was changed after you read it. Read it again and repeat your change with the new ETag.
body_timeout = The request body did not arrive in time. Check the connection and send the request again.
body_too_large = The request body is too large. Make it smaller or split it: JSON may be up to 1 MiB, a sign-in up to 16 KiB, a file up to 10 MiB.
unsupported_media_type = A body of this type is not accepted here. Set Content-Type to the type named in the documentation, usually application/json.
invalid = Some fields are wrong. Correct those listed in errors and send the request again.
amount_out_of_range = The amount would exceed the limit (99,999,999,999.99). Make it smaller or post it in parts.
idempotency_key_reused = This Idempotency-Key was already used with another request. Take a new key for a new request.
idempotency_key_in_use = The first request with this Idempotency-Key is still running. Wait a moment and repeat it with the same key.
duplicate = There is such a record already. Look it up, or change the value that repeats.
in_use = Other records refer to this one, so it cannot be deleted. Remove those references first.
too_many_requests = Too many requests in a row. Try again after the time in the Retry-After header.
database_not_empty = The database holds data already. Only an empty one can be filled: name another in DATABASE_URL.
database_away = The data cannot be reached right now. Try again after the time in the Retry-After header.
files_away = The store of files does not answer. Try again in a moment.
internal = Something went wrong on our side. Try again later; if it happens again, give support the request_id from this answer.

## Single fields

required = A value is required. Please fill it in.
unknown_field = There is no such field here. Check its name or leave it out.
read_only = This field can only be read. Leave it out or keep its present value.
invalid_type = The value has the wrong type. See the documentation for the right one, such as a number, a string or an object.
invalid_format = The value is not in the expected form. See the example in the documentation and correct it.
invalid_choice = This is not one of the choices. Choose from: { $choices }.
invalid_length = The length does not fit: from { $min } to { $max } characters or list items are allowed. Change the value.
out_of_range = The value is outside its bounds. Give one from { $min } to { $max }.
invalid_id = An id is a whole number above zero. Give it without quotes or a fraction.
control_character = The text has control characters that are not allowed. Remove them; line breaks and tabs may stay.
invalid_amount = This is not an amount. Give a number with at most two decimals, such as "1000.00", not beyond ±99,999,999,999.99.
invalid_percent = This is not a percentage. Give a number from 0 to 100 with at most two decimals, such as "10.00".
invalid_quantity = This is not a quantity. Give a number that is not negative, with at most two decimals, such as "20.00".
invalid_email = This does not look like an e-mail address. Check it; an example is ivanov@example.com.
invalid_phone = The phone number is not in the right form. Give { $prefix } followed by { $digits } digits, without blanks.
invalid_inn = The tax number does not follow the country's rules. Check that it has digits only and that none is missing.
invalid_document = The document's series or number do not follow the country's rules. Compare them with the document and correct them.
invalid_age = This birth date gives an age that is not between 14 and 120. Check the date.
invalid_iccid = This is not an ICCID. Copy the 19 or 20 digits from the SIM card, without blanks.
in_the_past = This moment has passed. Give a time in the future.
ends_before_begin = The end is before the beginning. Correct one of the dates.
not_found = There is no such record. Check the id and choose one that exists.
duplicate_value = This value is there already, and it must be the only one. Give another or remove the repetition.
unknown_permission = There is no such permission. Choose from GET /api/v1/permissions.
granted_and_denied = Permission { $permission } is both granted and denied. Keep one of the two.
weak_password = This password is easy to guess. Make it longer and avoid names, dates and common words.
password_is_username = The password is the same as the user name. Choose another.
wrong_password = The current password is not right. Enter it again.
mismatch = This value belongs to a different record than the rest of the request. Check that they go together.
assignee_cannot_work = This user may not work on tickets. Name one who may, or have the permission given.
reserved_prefix = Values that begin so are kept for the system's own ({ $prefixes }). Begin with something else.
wrong_encoding = The file is no text in UTF-8. Save it as CSV in UTF-8 and send it again.
file_empty = The file is empty. Choose one with something in it.
file_type_not_allowed = Files of this type are not taken. Attach one of: { $types }.
file_type_mismatch = The file's content is not what its name or its declared type says. Send it under its right name.
unknown_placeholder = Messages of this kind do not know { $name }. Use only: { $known }.
invalid_placeholder = Two braces begin a placeholder, such as {"{{"}amount{"}}"}, and two end it. Correct the one that is left open or empty.
invalid_url = This is not a web address that can be called. Give one such as https://example.com/hooks, without user name, password or fragment.
url_not_public = The address is that of this machine or of a private network, and is not called. Give a public one, or set WEBHOOKS_ALLOW_PRIVATE.

## Subscribers

customer_not_found = There is no such subscriber. Check the id, or find the subscriber in the list.
customer_duplicate = There is a subscriber with these details already. Check the fields listed in errors, or open the existing record.
customer_not_active = The subscriber is { $status ->
        [suspended] suspended
        [blocked] blocked
        [archived] archived
       *[other] not active
    }, so this cannot be done. Make the subscriber active first, or choose another.
customer_wrong_state = Subscriber { $id } is { $status ->
        [active] active
        [suspended] suspended
        [blocked] blocked
        [archived] archived
       *[other] { $status }
    }, and this is possible only from: { $from }. Bring the subscriber into one of these states first.
customer_has_contracts = The subscriber has contracts that are not terminated: { $contracts }. Terminate them, or delete the drafts, and then archive the subscriber.
customer_merged = This record was merged into subscriber { $survivor } and cannot come back. Work with that subscriber instead.
customer_merge_with_itself = A subscriber cannot be merged with itself. Name the other record in duplicate_id.
customer_merge_mismatch = { $field ->
        [status] The two subscribers do not stand alike: both must be active, both suspended, or both blocked. Bring them into the same state first.
       *[other] One of the two is a person and the other an organization. Correct customer_type first, if they are the same.
    }
customer_too_many_periods = More than { $most } contracts would begin a period at once. Suspend some of them for the reason request, activate the subscriber, and then resume those contracts one by one.

## Contracts

contract_not_found = There is no such contract. Check the id, or find the contract in the list.
contract_not_draft = Only a draft can be activated, and this contract is { $status ->
        [active] active already
        [suspended] suspended
        [terminated] terminated
       *[other] not a draft
    }. Read the contract again, or draw up a new one.
contract_not_running = The contract is { $status ->
        [draft] still a draft
        [terminated] terminated
       *[other] not in force
    }, so it can be neither suspended nor resumed. Choose an active or suspended contract.
contract_terminated = Contract { $number } is terminated and can no longer be changed. Draw up a new contract.
hold_present = The contract is suspended for this reason already: { $reason ->
        [debt] debt
        [request] the subscriber's request
        [fraud] suspected fraud
        [customer] the subscriber's status
        [no_sim] no working SIM card
       *[other] { $reason }
    }. Nothing more is needed; if you meant another reason, name it.
hold_absent = The contract is not suspended for this reason: { $reason ->
        [debt] debt
        [request] the subscriber's request
        [fraud] suspected fraud
        [customer] the subscriber's status
        [no_sim] no working SIM card
       *[other] { $reason }
    }. See in the field holds which reasons are in force, and name one of them.
contract_without_sim = The contract has no SIM card, so it cannot be activated. Send sim_id with the request, or put it on the contract first.
contract_not_deletable = Only a draft can be deleted, and this contract is { $status ->
        [active] active
        [suspended] suspended
        [terminated] terminated
       *[other] not a draft
    }. A running contract is terminated instead.
contract_in_use = Payments or tickets refer to contract { $number }, so it cannot be deleted. Terminate it instead, and refund what was paid.
checklist-contract-not-draft = The contract is a draft.
checklist-customer-not-active = The subscriber is active.
checklist-tariff-retired = The tariff is open to new contracts.
checklist-option-retired = The options can be taken anew.
checklist-option-incompatible = The options go with the tariff.
checklist-options-exclusive = The options go with each other.
checklist-contract-without-sim = The contract has a SIM card.
checklist-sim-not-free = The SIM card is free.
checklist-sim-without-number = The SIM card carries a phone number.
checklist-number-not-available = The phone number can be given out.
contract_not_in_force = Contract { $number } is still a draft: there is no tariff to change from. Edit the draft instead, or activate it first.
tariff_unchanged = The contract has the tariff “{ $name }” already, or will have it from the next period on. Choose another; to keep the present tariff, cancel the planned change.
options_present = The contract has some of these options already, or will have them from the next period on. Leave out what is in its fields options and next_options.
options_absent = The contract does not have some of these options. Remove only what is in its fields options and next_options.
no_planned_change = No change of tariff or options waits for the next period, so there is nothing to cancel.
balance_too_low = The change costs { $due } for the rest of the period, and the balance falls short by { $missing }. Top it up first, or let the change take effect with the next period.
billing_run_not_found = There is no such billing run. Check the id, or find the run in the list.

## Payments

payment_not_found = There is no such payment. Check the id, or find the payment in the list.
payment_duplicate = There is a payment with this transaction_id already. Look it up, or give the new payment another transaction_id.
payment_wrong_state = The payment is in state { $status }, and the action is possible only from: { $from }. Read the payment again; money that came in is given back by a refund.
payment_not_refundable = Only a payment that came in can be given back, and this is a transaction of type { $type } in state { $status }. Choose a successful payment, or post a correction.
refund_too_large = Of this payment only { $left } is left to give back. Ask for no more than that.
payment_without_receipt = Only a payment that came in and a refund have a receipt, and this is a transaction of type { $type } in state { $status }. Process the payment first, or choose another.
gateway_not_found = No gateway of this name is in use. Choose one of GET /api/v1/payments/gateways, or have it set in GATEWAYS.
gateway_away = The gateway does not answer, and payment { $payment } stays pending. Repeat the request with the same Idempotency-Key after the time in the Retry-After header; if nobody pays in time, the payment fails by itself.
gateway_refused = The gateway will not take payment { $payment }, which has failed: { $reason }. Correct what it names, or choose another way to pay.
gateway_refund_refused = The gateway will not make refund { $refund }, and nothing was given back: { $reason }. Give the money back in another way, or ask again later.
gateway_refund_not_found = There is no such refund through a gateway. Check the id, or find it in GET /api/v1/payments/gateway-refunds.
payment_quarantined = Something is wrong with what the gateway says of the payment ({ $reason }), so it waits for a decision. Look at GET /api/v1/payments/gateway-events, and decide by POST …/resolve.
gateway_refund_not_unanswered = The refund does not wait for a decision: its gateway said what became of it, or is still being asked. Read it again.
payment_not_quarantined = The payment does not wait for a decision. Read it again: somebody may have decided already.
event_not_signed = The event is not signed as it should be. Sign webhook-id, webhook-timestamp and the body as it is sent with the present key, and check your clock.
terminal_off = Payments by terminals are switched off. Set TERMINAL_KEY to switch them on.
terminal_key_wrong = The key of the terminals is missing or another. Send it in the header X-Terminal-Key, or as the password of HTTP Basic.
reconciliation_not_found = There is no such reconciliation. Check the id, or find it in the list.
reconciliation_too_large = More than { $limit } payments came in on these days. Ask for fewer days at once.

## Tariffs

tariff_not_found = There is no such tariff, or it was not yet in force on that day. Check the id against the list of tariffs.
tariff_name_taken = Another tariff has this name. Choose a different name or change the existing tariff.
tariff_retired = The tariff “{ $name }” is retired and closed to new contracts. Choose an active tariff or put this one back on sale.
tariff_already_retired = The tariff “{ $name }” is retired already. Nothing more is needed; to sell it again, activate it.
tariff_already_active = The tariff “{ $name }” is on sale already. Nothing more is needed; to retire it, deactivate it.
tariff_in_use = Contracts have or had the tariff “{ $name }”, so it cannot be deleted. Deactivate it instead: contracts keep it, new ones cannot have it.
tariff_version_in_use = Periods have begun by the prices in force from { $day }, so these stay as they are. Give a later day in effective_from.

## Options

option_not_found = There is no such option. Check the id against the list of options.
option_code_taken = Another option has this code. Choose a different code or change the existing option.
option_in_use = Contracts have or had option { $code }, so it cannot be deleted. Set is_active to false instead: contracts keep it, none can take it anew.
option_retired = These options are retired and cannot be taken anew: { $codes }. Leave them out or choose others.
option_incompatible = These options do not go with the tariff: { $codes }. Remove them from the contract or choose another tariff.
options_exclusive = These options exclude each other: { $codes }. Keep only those that go together.
options_had_together = These options cannot be made to exclude each other, because contracts have both, among them those with ids { $contracts }. Remove one of the options there first.

## SIM cards and numbers

sim_not_found = There is no such SIM card. Check the id against the list of SIM cards.
sim_duplicate = There is a SIM card with these details already. Check the fields listed in errors, or open the existing card.
sim_not_free = Only a free SIM card can be bound, and this one is { $status ->
        [active] active
        [suspended] suspended
        [blocked] blocked
        [closed] closed
       *[other] not free
    }. Choose a free card.
sim_not_active = Only an active SIM card can be suspended, and this one is { $status ->
        [free] still free
        [suspended] suspended already
        [blocked] blocked
        [closed] closed
       *[other] not active
    }. Refresh and check the state of the contract.
sim_not_suspended = Only a suspended SIM card can be resumed, and this one is { $status ->
        [free] still free
        [active] active already
        [blocked] blocked
        [closed] closed
       *[other] not suspended
    }. Refresh and check the state of the contract.
sim_not_bound = The SIM card is not bound to a contract: it is { $status ->
        [free] free
        [blocked] blocked
        [closed] closed
       *[other] nobody's
    }. Choose the card that serves the contract.
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
        [edit] cannot be changed any more. Use another card.
        [close] cannot be closed. A card in use is deactivated, replaced, or closed with its contract.
       *[other] does not allow this. Read the card again.
    }
sim_was_bound = The SIM card has served a contract and stays on record. A card that is no longer needed is closed, not deleted.
sim_in_use = A draft contract names the SIM card. Choose another card for the draft, or delete the draft, and try again.
sim_without_number = SIM card { $iccid } carries no phone number. Give it a number, or choose a card that has one.
number_not_found = There is no such phone number. Check it against the list of numbers, or add it first.
number_not_available = Number { $msisdn } cannot be taken: it is { $status ->
        [reserved] reserved
        [assigned] assigned already
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
        [release] released. Only a reserved number, or one that was ported out and came back, can be.
        [port_out] ported out. Terminate its contract first if it has one.
       *[other] changed like this. Read the number again.
    }
number_on_sim = Number { $msisdn } is on a SIM card, so it cannot be ported out. Take it off the card first.
number_taken = Number { $msisdn } is on another SIM card already. Choose another number, or use that card.
number_duplicate = These numbers are there already: { $numbers }. Nothing was added; leave them out of the range and try again.

## Tickets

ticket_not_found = There is no such ticket. Check the id, or find the ticket in the list.
ticket_wrong_state = The ticket is in state { $status }, and the action is possible only from: { $from }. Bring the ticket into one of these states first.
ticket_not_assigned = Nobody works on the ticket yet. Assign it to somebody first; a new ticket is in progress from then on.
ticket_taken_up = Only a new ticket that nobody has taken up or answered is deleted. Close this one with a reason instead.
ticket_attachment_not_found = The ticket has no such file. Check the id, or find the file in the ticket's list.
ticket_attachments_full = The ticket has { $most } files, and takes no more. Remove one that is no longer needed.
customer_archived = The subscriber is archived, and no new tickets are filed for archived subscribers. Name a subscriber who is not.

## Notifications, events, webhooks

notification_not_found = There is no such notification. Check the id, or find it in the list.
notification_wrong_state = The notification is in state { $status }, and is sent again only from: { $from }.
channel_not_configured = Nothing can be sent by { $channel } yet. Set it up (see the page of settings), restart, and try again.
template_not_found = There is no such template: events of this kind are not told of by this channel. Find the ones there are in the list.
events_forgotten = Events up to { $forgotten } are no longer kept, so some after yours would be missing. Read the records anew, then go on without last_event_id.
event_streams_full = As many streams of events are open as this server keeps. Close one that is not needed, or try again later.
webhook_endpoint_not_found = There is no such webhook endpoint. Check the id, or find it in the list.
webhook_endpoints_full = There are { $most } webhook endpoints, and no more are kept. Delete one that is no longer needed.
webhook_endpoint_inactive = The webhook endpoint is not active. Set is_active first.
webhook_delivery_not_found = There is no such delivery. Find it in the list of its webhook endpoint.
webhook_delivery_wrong_state = The delivery is still pending, and will be tried by itself. Wait for the next try.

## Sign-in, users and roles

not_signed_in = Nobody is signed in. Send an access token in the Authorization header: "Bearer …"; POST /api/v1/auth/login gives one.
token_invalid = The token is not valid here. Sign in again with POST /api/v1/auth/login, and send the access token, not the refresh token, with requests.
token_expired = The token's time is over. Get a new pair with POST /api/v1/auth/refresh, or sign in again.
session_ended = The session was ended. Sign in again.
token_revoked = The token was revoked. Make a new one with POST /api/v1/auth/api-tokens.
account_disabled = The account is blocked, not active, or outside the time it is valid. Ask an administrator to restore it.
sign_in_failed = User name or password are wrong, or the account may not sign in now. Check both; after several failures wait up to an hour or ask an administrator.
sign_in_rate_limited = Too many sign-ins from your address. Try again after the time in Retry-After.
refresh_reused = The refresh token had been used before, so the session was ended for safety. Sign in again; if you used it once only, change your password.
permission_missing = Permission { $permission } is needed. Ask an administrator for a role that holds it.
grant_not_held = You cannot give permission { $permission }, because you do not hold it. Leave it out, or ask an administrator who holds it.
user_not_found = There is no such user. Look it up in GET /api/v1/users.
role_not_found = There is no such role. Look it up in GET /api/v1/roles.
session_not_found = You have no such open session. Look it up in GET /api/v1/auth/sessions.
api_token_not_found = You have no such token. Look it up in GET /api/v1/auth/api-tokens.
last_administrator = No active administrator would remain. Make another user an administrator first.
own_account = You cannot do this to your own account. Ask another administrator; your password is changed with POST /api/v1/auth/change-password.
builtin_role = Role { $role } is built in: it keeps its name and stays, and admin cannot be edited at all. Make a role of your own with POST /api/v1/roles.
role_in_use = The role is still held by users: { $users } at least. Give them another role first.
role_name_taken = There is a role named { $name } already. Choose another name, or edit that role.
username_taken = There is a user named { $username } already (case does not matter). Choose another name.
user_in_use = Other records name this user, so it cannot be deleted. Set is_active to false instead.
already_blocked = The user is blocked already. To change the end or the reason, unblock first.
not_blocked = The user is neither blocked nor locked, so there is nothing to lift. Read the user again.
not_a_session = A script token cannot do this. Sign in with user name and password, and use that access token.
too_many_api_tokens = You have { $most } tokens already. Revoke one that is no longer used.

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
permission-tickets-assign = Assign tickets.
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
