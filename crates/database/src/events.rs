//! Events for other features and integrators, written in the transaction of the change.
//!
//! A use case publishes with [`Tx::publish`](crate::Tx::publish); the rows are written when the transaction commits, so an event
//! exists exactly when its change does. They are written under the lock on the head of the audit trail, so ids grow in commit
//! order: a reader that has read up to an id has missed no earlier event.
//!
//! Two sorts of events exist. Some tell what happened (`payment.received`). The others ([`Resource`]) carry the whole resource as a
//! transaction left it, with its version, so that a reader who keeps the newest of each has a copy without reading lists again.

use std::collections::{HashMap, HashSet};

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
        /// A subscriber was registered.
        CustomerCreated = "customer.created",
        /// A subscriber was changed, archived or restored.
        CustomerChanged = "customer.changed",
        /// A tariff was created.
        TariffCreated = "tariff.created",
        /// A tariff or its prices were changed.
        TariffChanged = "tariff.changed",
        /// A tariff was deleted.
        TariffDeleted = "tariff.deleted",
        /// An option was created.
        OptionCreated = "option.created",
        /// An option was changed.
        OptionChanged = "option.changed",
        /// An option was deleted.
        OptionDeleted = "option.deleted",
        /// A contract was drawn up.
        ContractCreated = "contract.created",
        /// A contract was changed, also by a payment or a charge.
        ContractChanged = "contract.changed",
        /// A draft was deleted.
        ContractDeleted = "contract.deleted",
        /// A SIM card was registered.
        SimCreated = "sim.created",
        /// A SIM card was changed.
        SimChanged = "sim.changed",
        /// A SIM card was deleted.
        SimDeleted = "sim.deleted",
        /// A phone number was added.
        NumberCreated = "number.created",
        /// A phone number was changed.
        NumberChanged = "number.changed",
        /// A payment was received.
        PaymentReceived = "payment.received",
        /// A payment failed.
        PaymentFailed = "payment.failed",
        /// A payment was refunded in full or in part.
        PaymentRefunded = "payment.refunded",
        /// An amount other than a period was charged.
        PaymentCharged = "payment.charged",
        /// Staff corrected a balance.
        PaymentCorrected = "payment.corrected",
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
        /// A ticket was changed in another way.
        TicketChanged = "ticket.changed",
        /// A ticket was deleted.
        TicketDeleted = "ticket.deleted",
        /// A user was locked after failed sign-ins.
        UserLocked = "user.locked",
    }
}

/// A kind of resource whose every change is published with the resource as it is then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A subscriber.
    Customer,
    /// A tariff.
    Tariff,
    /// An option.
    Option,
    /// A contract.
    Contract,
    /// A SIM card.
    Sim,
    /// A phone number.
    Number,
}

impl Resource {
    /// The name of the resource in events and in the audit trail.
    const fn entity(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Tariff => "tariff",
            Self::Option => "option",
            Self::Contract => "contract",
            Self::Sim => "sim",
            Self::Number => "number",
        }
    }

    /// The kind of the event after this change. Subscribers and numbers are never deleted.
    const fn kind(self, turn: Turn) -> EventKind {
        use EventKind as Kind;
        match (self, turn) {
            (Self::Customer, Turn::Created) => Kind::CustomerCreated,
            (Self::Customer, Turn::Changed | Turn::Deleted) => Kind::CustomerChanged,
            (Self::Tariff, Turn::Created) => Kind::TariffCreated,
            (Self::Tariff, Turn::Changed) => Kind::TariffChanged,
            (Self::Tariff, Turn::Deleted) => Kind::TariffDeleted,
            (Self::Option, Turn::Created) => Kind::OptionCreated,
            (Self::Option, Turn::Changed) => Kind::OptionChanged,
            (Self::Option, Turn::Deleted) => Kind::OptionDeleted,
            (Self::Contract, Turn::Created) => Kind::ContractCreated,
            (Self::Contract, Turn::Changed) => Kind::ContractChanged,
            (Self::Contract, Turn::Deleted) => Kind::ContractDeleted,
            (Self::Sim, Turn::Created) => Kind::SimCreated,
            (Self::Sim, Turn::Changed) => Kind::SimChanged,
            (Self::Sim, Turn::Deleted) => Kind::SimDeleted,
            (Self::Number, Turn::Created) => Kind::NumberCreated,
            (Self::Number, Turn::Changed | Turn::Deleted) => Kind::NumberChanged,
        }
    }
}

/// How a transaction changed a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Created,
    Changed,
    Deleted,
}

/// An event that is not yet written.
#[derive(Clone, Debug)]
pub struct Event {
    kind: EventKind,
    /// The resource that the event carries, and how it changed; nothing for an event that tells what happened.
    carried: Option<(Resource, Turn)>,
    entity: &'static str,
    entity_id: i64,
    contract_id: Option<ContractId>,
    customer_id: Option<CustomerId>,
    data: Map<String, Value>,
}

impl Event {
    /// An event of this kind about the entity of this type and id.
    ///
    /// `data` is sent to integrators: no secrets, and no personal data but what is shown without permission to see it unmasked.
    pub fn new<T>(kind: EventKind, entity: &'static str, entity_id: kernel::Id<T>, data: &impl Serialize) -> Self {
        let data = match serde_json::to_value(data) {
            Ok(Value::Object(data)) => data,
            _ => Map::new(),
        };
        Self { kind, carried: None, entity, entity_id: entity_id.get(), contract_id: None, customer_id: None, data }
    }

    /// An event that carries a new resource. The same rules apply to `data` as in [`Event::new`].
    pub fn created<T>(resource: Resource, id: kernel::Id<T>, data: &impl Serialize) -> Self {
        Self::carrying(resource, Turn::Created, id, data)
    }

    /// An event that carries a changed resource. A transaction that changes a resource repeatedly publishes its last state only.
    pub fn changed<T>(resource: Resource, id: kernel::Id<T>, data: &impl Serialize) -> Self {
        Self::carrying(resource, Turn::Changed, id, data)
    }

    /// An event that carries a deleted resource as it was.
    pub fn deleted<T>(resource: Resource, id: kernel::Id<T>, data: &impl Serialize) -> Self {
        Self::carrying(resource, Turn::Deleted, id, data)
    }

    fn carrying<T>(resource: Resource, turn: Turn, id: kernel::Id<T>, data: &impl Serialize) -> Self {
        Self { carried: Some((resource, turn)), ..Self::new(resource.kind(turn), resource.entity(), id, data) }
    }

    /// Leaves out a field that changes without the resource.
    #[must_use]
    pub fn without(mut self, field: &str) -> Self {
        self.data.remove(field);
        self
    }

    /// Adds a field to what the event carries.
    #[must_use]
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.data.insert(field.to_owned(), value.into());
        self
    }

    /// Sets the contract that the event is about.
    #[must_use]
    pub fn of_contract(mut self, id: Option<ContractId>) -> Self {
        self.contract_id = id;
        self
    }

    /// Sets the subscriber that the event is about.
    #[must_use]
    pub fn of_customer(mut self, id: impl Into<Option<CustomerId>>) -> Self {
        self.customer_id = id.into();
        self
    }

    fn about(&self) -> (&'static str, i64) {
        (self.entity, self.entity_id)
    }
}

/// The events of a transaction as they are written: each resource is carried once, as the transaction left it, and every event
/// about such a resource has its version.
fn settled(events: Vec<Event>) -> Vec<Event> {
    let of_turn = |turn: Turn| {
        let of_turn = events.iter().filter(move |event| event.carried.is_some_and(|(_, its)| its == turn));
        of_turn.map(Event::about).collect::<HashSet<_>>()
    };
    let (created, deleted) = (of_turn(Turn::Created), of_turn(Turn::Deleted));
    let mut versions: HashMap<(&'static str, i64), Value> = HashMap::new();
    let mut kept = Vec::with_capacity(events.len());
    // from the end: the last state counts
    for mut event in events.into_iter().rev() {
        let about = event.about();
        if let Some((resource, _)) = event.carried {
            let (is_new, is_gone) = (created.contains(&about), deleted.contains(&about));
            if versions.contains_key(&about) {
                continue;
            }
            versions.insert(about, event.data.get("version").cloned().unwrap_or_default());
            if is_new && is_gone {
                continue;
            }
            event.kind = resource.kind(if is_gone {
                Turn::Deleted
            } else if is_new {
                Turn::Created
            } else {
                Turn::Changed
            });
        }
        kept.push(event);
    }
    for event in kept.iter_mut().filter(|event| event.carried.is_none()) {
        if let Some(version) = versions.get(&event.about()) {
            event.data.insert("version".to_owned(), version.clone());
        }
    }
    kept.reverse();
    kept
}

/// Writes events. The caller holds the lock on the head of the audit trail and commits next.
pub(crate) async fn append(conn: &mut Conn, events: Vec<Event>) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let mut rows = Bulk::into_table("events", &["kind", "entity", "entity_id", "contract_id", "customer_id", "data", "created_at"]);
    for event in settled(events) {
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

#[cfg(test)]
mod tests {
    use kernel::id::SimId;
    use serde_json::json;

    use super::*;

    fn contract(version: i64) -> Value {
        json!({"id": 7, "balance": format!("{version}.00"), "version": version})
    }

    fn written(events: Vec<Event>) -> Vec<(&'static str, i64, Value)> {
        settled(events).into_iter().map(|event| (event.kind.as_str(), event.entity_id, Value::Object(event.data))).collect()
    }

    #[test]
    fn a_resource_is_carried_once_as_the_transaction_left_it_and_its_other_events_have_its_version() {
        let id = ContractId::new(7);
        let low = Event::new(EventKind::BalanceLow, "contract", id, &json!({"balance": "4.00"}));
        let sim = Event::new(EventKind::SimStatusChanged, "sim", SimId::new(7), &json!({"status": "active"}));
        let events = vec![
            Event::changed(Resource::Contract, id, &contract(4)),
            low,
            Event::changed(Resource::Contract, ContractId::new(8), &contract(1)),
            Event::changed(Resource::Contract, id, &contract(5)),
            sim,
        ];
        let expected = [
            ("balance.low", 7, json!({"balance": "4.00", "version": 5})),
            ("contract.changed", 8, contract(1)),
            ("contract.changed", 7, contract(5)),
            ("sim.status_changed", 7, json!({"status": "active"})),
        ];
        assert_eq!(written(events), expected);
    }

    #[test]
    fn what_is_made_and_changed_is_made_and_what_is_made_and_deleted_never_was() {
        let id = ContractId::new(7);
        let created = || Event::created(Resource::Contract, id, &contract(1));
        let changed = || Event::changed(Resource::Contract, id, &contract(2));
        let deleted = || Event::deleted(Resource::Contract, id, &contract(2));
        assert_eq!(written(vec![created(), changed()]), [("contract.created", 7, contract(2))]);
        assert_eq!(written(vec![changed(), deleted()]), [("contract.deleted", 7, contract(2))]);
        assert_eq!(written(vec![created(), changed(), deleted()]), []);
    }
}
