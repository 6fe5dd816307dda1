//! Events for other features and integrators, written in the transaction of the change.
//!
//! A use case publishes with [`Tx::publish`](crate::Tx::publish); the rows are written when the transaction commits, so an event
//! exists exactly when its change does. They are written under the lock on the head of the audit trail, so ids grow in commit
//! order: a reader that has read up to an id has missed no earlier event.

use serde::Serialize;
use serde_json::{Map, Value};

use kernel::{
    Result,
    id::{ContractId, CustomerId},
    text_enum,
};

use crate::{Bulk, Conn};

text_enum! {
    /// The kind of an event.
    // the history of contracts has another `EventKind`
    #[schema(as = SystemEventKind)]
    pub enum EventKind {
        /// A payment was received.
        PaymentReceived = "payment.received",
        /// A payment failed.
        PaymentFailed = "payment.failed",
        /// A payment was refunded in full or in part.
        PaymentRefunded = "payment.refunded",
        /// A billing period was charged.
        PeriodCharged = "period.charged",
        /// A balance fell below the threshold.
        BalanceLow = "balance.low",
        /// A payment was promised, and its credit counts.
        PromiseGranted = "promise.granted",
        /// A promised payment was made.
        PromiseKept = "promise.kept",
        /// A promised payment was not made in time.
        PromiseBroken = "promise.broken",
        /// A contract was activated.
        ContractActivated = "contract.activated",
        /// The first hold was placed on an active contract.
        ContractSuspended = "contract.suspended",
        /// The last hold was lifted from a contract.
        ContractResumed = "contract.resumed",
        /// A contract was terminated.
        ContractTerminated = "contract.terminated",
        /// The status of a SIM card changed.
        SimStatusChanged = "sim.status_changed",
        /// A ticket was created.
        TicketCreated = "ticket.created",
        /// A ticket was assigned to a user.
        TicketAssigned = "ticket.assigned",
        /// The status of a ticket changed.
        TicketStatusChanged = "ticket.status_changed",
        /// A user was locked after failed sign-ins.
        UserLocked = "user.locked",
    }
}

/// An event that is not yet written.
#[derive(Clone, Debug)]
pub struct Event {
    kind: EventKind,
    entity: &'static str,
    entity_id: i64,
    contract_id: Option<ContractId>,
    customer_id: Option<CustomerId>,
    data: Map<String, Value>,
}

impl Event {
    /// An event of this kind about the entity of this type and id. `data` is sent to integrators: no secrets, no personal data.
    pub fn new<T>(kind: EventKind, entity: &'static str, entity_id: kernel::Id<T>, data: &impl Serialize) -> Self {
        let data = match serde_json::to_value(data) {
            Ok(Value::Object(data)) => data,
            _ => Map::new(),
        };
        Self { kind, entity, entity_id: entity_id.get(), contract_id: None, customer_id: None, data }
    }

    /// Sets the contract that the event is about.
    #[must_use]
    pub fn of_contract(mut self, id: Option<ContractId>) -> Self {
        self.contract_id = id;
        self
    }

    /// Sets the subscriber that the event is about.
    #[must_use]
    pub fn of_customer(mut self, id: CustomerId) -> Self {
        self.customer_id = Some(id);
        self
    }
}

/// Writes events. The caller holds the lock on the head of the audit trail and commits next.
pub(crate) async fn append(conn: &mut Conn, events: Vec<Event>) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let mut rows = Bulk::into_table("events", &["kind", "entity", "entity_id", "contract_id", "customer_id", "data", "created_at"]);
    for event in events {
        rows.row(vec![
            event.kind.into(),
            event.entity.into(),
            event.entity_id.into(),
            event.contract_id.into(),
            event.customer_id.into(),
            Value::Object(event.data).to_string().into(),
            conn.now().into(),
        ]);
    }
    rows.execute(conn).await
}
