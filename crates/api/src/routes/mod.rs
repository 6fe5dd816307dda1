//! The endpoints. A handler parses the request, runs the use case by [`Call`](crate::call::Call) and responds.
//!
//! Mounting a handler also documents it: there is no separate list of operations.

mod attachments;
mod audit;
mod auth;
mod billing_runs;
mod canned_answers;
mod contract_plans;
mod contracts;
mod customers;
mod events;
mod gateways;
mod health;
mod inbound_mail;
mod jobs;
pub mod meta;
pub mod mount;
mod notification_templates;
mod notifications;
mod numbers;
mod options;
mod payment_webhooks;
mod payments;
mod reconciliations;
mod roles;
mod search;
mod sims;
mod tariffs;
mod terminal;
mod ticket_actions;
mod ticket_records;
mod tickets;
mod users;
mod webhook_endpoints;

use ::contracts::{ContractShort, HoldReason};
use ::customers::CustomerShort;
use ::sims::SimShort;
use ::tariffs::TariffShort;
use acl::model::UserShort;
use mount::Mount;
use utoipa::OpenApi;

use crate::problem::Problem;

/// What the document has besides its operations: tags, the problem, schemas that only filters use, and short forms.
#[derive(OpenApi)]
#[openapi(
    components(schemas(Problem, HoldReason, CustomerShort, ContractShort, TariffShort, SimShort, UserShort)),
    tags(
        (name = "auth", description = "Signing in, sessions, script tokens."),
        (name = "meta", description = "This installation: country, limits, what is switched on, words for enum values."),
        (name = "search", description = "One search across subscribers, contracts, SIM cards and tickets."),
        (name = "customers", description = "Subscribers: persons and organizations."),
        (name = "tariffs", description = "What a contract costs and includes, in dated versions."),
        (name = "options", description = "What a contract can have in addition to its tariff."),
        (name = "numbers", description = "Phone numbers: stock, reservation, porting and history."),
        (name = "sims", description = "SIM cards."),
        (name = "contracts", description = "Contracts: drafts, activation, holds, changes, statements."),
        (name = "payments", description = "The ledger: payments, charges, refunds, corrections."),
        (name = "billing", description = "Billing runs, which charge everything that is due."),
        (name = "tickets", description = "Support tickets of subscribers."),
        (name = "notifications", description = "Messages to subscribers and staff, and their templates."),
        (name = "events", description = "Events, as a list and as a stream."),
        (name = "webhooks", description = "Events sent to other systems."),
        (name = "users", description = "Staff accounts."),
        (name = "roles", description = "Roles of staff, and the permissions they contain."),
        (name = "audit", description = "Who did what and when, and what it changed."),
        (name = "health", description = "Health checks of the server."),
    )
)]
pub struct Shared;

/// Mounts every endpoint.
pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.configure(health::configure).configure(terminal::configure).scope("/api/v1", |mount| {
        mount
            .configure(meta::configure)
            .under(&["customers"], customers::configure)
            .under(&["sims"], sims::configure)
            .under(&["numbers"], numbers::configure)
            .under(&["tariffs"], tariffs::configure)
            .under(&["options"], options::configure)
            .under(&["contracts"], |mount| {
                mount.configure(contracts::configure).configure(contract_plans::configure).configure(sims::configure_of_contracts);
            })
            .under(&["payments", "gateway-refunds", "reconciliations", "webhooks"], |mount| {
                // before the payments, whose paths with an id also match these
                mount.configure(gateways::configure).configure(reconciliations::configure).configure(payment_webhooks::configure);
                mount.configure(payments::configure);
            })
            .under(&["tickets", "attachments", "canned-answers"], |mount| {
                mount.configure(inbound_mail::configure).configure(tickets::configure).configure(ticket_actions::configure);
                mount.configure(attachments::configure).configure(ticket_records::configure).configure(canned_answers::configure);
            })
            .configure(billing_runs::configure)
            .configure(search::configure)
            .configure(notifications::configure)
            .configure(notification_templates::configure)
            .configure(events::configure)
            .configure(webhook_endpoints::configure)
            .configure(auth::configure)
            .configure(users::configure)
            .configure(roles::configure)
            .configure(audit::configure)
            .configure(jobs::configure);
    });
}
