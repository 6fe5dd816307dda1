//! The endpoints. Each handler is a few lines: parse, hand the use case to [`Call`](crate::call::Call), answer.
//!
//! Mounting a handler documents it: there is no list of operations beside this one.

mod attachments;
mod audit;
mod auth;
mod billing_runs;
mod contract_plans;
mod contracts;
mod customers;
mod events;
mod gateways;
mod health;
mod jobs;
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

use ::contracts::HoldReason;
use mount::Mount;
use utoipa::OpenApi;

use crate::problem::Problem;

/// What the document has besides its operations: the problem, and words that only filters name.
#[derive(OpenApi)]
#[openapi(
    components(schemas(Problem, HoldReason)),
    tags(
        (name = "search", description = "One box for everything."),
        (name = "customers", description = "Subscribers: persons and organizations."),
        (name = "numbers", description = "Phone numbers, from the stock to a line and back."),
        (name = "sims", description = "SIM cards."),
        (name = "tariffs", description = "What a line costs and includes, by dated versions."),
        (name = "options", description = "What a contract may have on top of its tariff."),
        (name = "contracts", description = "Lines: drafts, activation, holds, changes, statements."),
        (name = "payments", description = "The ledger: payments, charges, refunds, corrections."),
        (name = "billing", description = "Runs that charge everything that is due."),
        (name = "tickets", description = "Support: requests of subscribers, and what became of them."),
        (name = "notifications", description = "Messages to subscribers and staff, and what they say."),
        (name = "events", description = "What happened, as a list and as a stream."),
        (name = "webhooks", description = "Events to integrators."),
        (name = "auth", description = "Signing in, sessions, tokens for scripts."),
        (name = "users", description = "Staff."),
        (name = "roles", description = "What staff may do."),
        (name = "audit", description = "Who did what, when, and what it changed."),
        (name = "health", description = "For whoever runs the server."),
    )
)]
pub struct Shared;

/// Mounts every endpoint.
pub fn configure(mount: &mut Mount<'_, '_>) {
    mount.configure(health::configure).configure(terminal::configure).scope("/api/v1", |mount| {
        mount
            .configure(customers::configure)
            .configure(sims::configure)
            .configure(numbers::configure)
            .configure(tariffs::configure)
            .configure(options::configure)
            .configure(contracts::configure)
            .configure(contract_plans::configure)
            // before the payments, whose paths with an id these fit too
            .configure(gateways::configure)
            .configure(reconciliations::configure)
            .configure(payment_webhooks::configure)
            .configure(payments::configure)
            .configure(billing_runs::configure)
            .configure(tickets::configure)
            .configure(ticket_actions::configure)
            .configure(attachments::configure)
            .configure(ticket_records::configure)
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
