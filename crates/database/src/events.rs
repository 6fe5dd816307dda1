//! Events: what happened that others want to hear of, written in the transaction in which it happened (SPEC 10.1).
//!
//! A use case publishes with [`Tx::publish`](crate::Tx::publish); the rows are written when the transaction commits, so an
//! event is there exactly when its change is. They are written under the lock on the head of the audit trail, so that ids grow
//! in the order of the commits: whoever has read up to an id has missed nothing before it.

use serde::Serialize;
use serde_json::{Map, Value};

use kernel::{
    Result,
    id::{ContractId, CustomerId},
    text_enum,
};

use crate::{Bulk, Conn};

text_enum! {
    /// What happened.
    // contracts have kinds of events of their own
    #[schema(as = SystemEventKind)]
    pub enum EventKind {
        /// A payment counts: its money is there.
        PaymentReceived = "payment.received",
        /// A payment did not come about.
        PaymentFailed = "payment.failed",
        /// A payment was given back, whole or in part.
        PaymentRefunded = "payment.refunded",
        /// A billing period was charged.
        PeriodCharged = "period.charged",
        /// A balance fell below the threshold.
        BalanceLow = "balance.low",
        /// A contract began.
        ContractActivated = "contract.activated",
        /// The first hold was placed on an active contract.
        ContractSuspended = "contract.suspended",
        /// The last hold was lifted from a contract.
        ContractResumed = "contract.resumed",
        /// A contract ended.
        ContractTerminated = "contract.terminated",
        /// A SIM card changed its state.
        SimStatusChanged = "sim.status_changed",
        /// A ticket was filed.
        TicketCreated = "ticket.created",
        /// A ticket was given to somebody.
        TicketAssigned = "ticket.assigned",
        /// A ticket changed its state.
        TicketStatusChanged = "ticket.status_changed",
        /// A user was locked after failed sign-ins.
        UserLocked = "user.locked",
    }
}

/// One event, before it is written.
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
    /// `kind` happened to the entity of this type and id. `data` goes to integrators: no secrets, no personal data.
    pub fn new<T>(kind: EventKind, entity: &'static str, entity_id: kernel::Id<T>, data: &impl Serialize) -> Self {
        let data = match serde_json::to_value(data) {
            Ok(Value::Object(data)) => data,
            _ => Map::new(),
        };
        Self { kind, entity, entity_id: entity_id.get(), contract_id: None, customer_id: None, data }
    }

    /// The contract it is about.
    #[must_use]
    pub fn of_contract(mut self, id: Option<ContractId>) -> Self {
        self.contract_id = id;
        self
    }

    /// The subscriber it is about.
    #[must_use]
    pub fn of_customer(mut self, id: CustomerId) -> Self {
        self.customer_id = Some(id);
        self
    }
}

/// Writes events. The caller holds the head of the audit trail, and commits next.
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
