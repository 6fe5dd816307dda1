//! The phone number and its states.
//!
//! ```text
//!                reserve                    activation
//!    available ⇄ reserved       available, reserved → assigned
//!        ↑       release, time                           │ termination
//!        └──────────────── date ─────────────────── quarantined
//!    available, reserved, quarantined ─ port-out → ported_out ─ release → quarantined
//! ```
//!
//! A number whose reservation or quarantine has expired counts as available, even while the row still has the old status:
//! [`Number::standing`].

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{
    Error, Result,
    id::{ContractId, CustomerId, NumberId, SimId},
    text_enum,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::refusal;

text_enum! {
    /// The status of a phone number.
    pub enum NumberStatus {
        /// Not assigned; a free SIM card may carry it.
        Available = "available",
        /// Reserved until a time.
        Reserved = "reserved",
        /// Assigned to a contract.
        Assigned = "assigned",
        /// Not given out until a date after its last contract ended.
        Quarantined = "quarantined",
        /// Went to another operator.
        PortedOut = "ported_out",
    }
}

/// A phone number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 31, "msisdn": "+79161234567", "status": "quarantined", "sim_id": null, "contract_id": null, "reserved_until": null, "reserved_for": null,
    "quarantined_until": "2026-04-15", "created_at": "2026-01-15T09:30:00Z", "updated_at": "2026-01-15T09:30:00Z", "version": 3
}))]
pub struct Number {
    /// The id.
    pub id: NumberId,
    /// The number itself, in the country's format.
    pub msisdn: String,
    /// Status; changes only through actions and with contracts.
    pub status: NumberStatus,
    /// The SIM card that carries it.
    pub sim_id: Option<SimId>,
    /// The contract to which it is assigned, even while the contract waits for another SIM card.
    pub contract_id: Option<ContractId>,
    /// When the reservation ends.
    pub reserved_until: Option<DateTime<Utc>>,
    /// The subscriber for whom it is reserved; `null` if the reservation does not name one.
    pub reserved_for: Option<CustomerId>,
    /// The first day on which the number may be given out again.
    pub quarantined_until: Option<NaiveDate>,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// Increases with every change.
    pub version: i64,
}

impl Number {
    /// The status at this time, in which an expired reservation or quarantine counts as available.
    #[must_use]
    pub fn standing(&self, now: DateTime<Utc>, today: NaiveDate) -> NumberStatus {
        match self.status {
            NumberStatus::Reserved if self.reserved_until.is_some_and(|until| until <= now) => NumberStatus::Available,
            NumberStatus::Quarantined if self.quarantined_until.is_some_and(|until| until <= today) => NumberStatus::Available,
            status => status,
        }
    }

    /// The form that clients see: with the status at this time, even before the job has updated an expired row.
    #[must_use]
    pub fn shown(self, now: DateTime<Utc>, today: NaiveDate) -> Self {
        match self.standing(now, today) {
            NumberStatus::Available => self.into_status(NumberStatus::Available),
            _ => self,
        }
    }

    /// Puts the number on a free SIM card. It stays available, and expired dates are cleared. Errors: `number_not_available`.
    pub fn put_on_sim(self, now: DateTime<Utc>, today: NaiveDate) -> Result<Self> {
        match self.standing(now, today) {
            NumberStatus::Available => Ok(self.into_status(NumberStatus::Available)),
            status => Err(self.unavailable(status)),
        }
    }

    /// Assigns the number to a subscriber's contract, whose SIM card carries it. Errors: `number_not_available`, `number_reserved`.
    ///
    /// A number that is reserved without naming a subscriber counts as reserved for the card that carries it.
    pub fn assign(self, contract_id: ContractId, customer_id: CustomerId, now: DateTime<Utc>, today: NaiveDate) -> Result<Self> {
        match self.standing(now, today) {
            NumberStatus::Reserved if self.reserved_for.is_some_and(|owner| owner != customer_id) => {
                let until = self.reserved_until.map(|until| until.to_rfc3339()).unwrap_or_default();
                Err(Error::new(refusal::NUMBER_RESERVED).with("msisdn", self.msisdn).with("until", until))
            }
            NumberStatus::Available | NumberStatus::Reserved => {
                Ok(Self { contract_id: Some(contract_id), ..self.into_status(NumberStatus::Assigned) })
            }
            status => Err(self.unavailable(status)),
        }
    }

    /// Takes the number from its terminated contract and quarantines it until that day.
    #[must_use]
    pub fn quarantine(self, until: NaiveDate) -> Self {
        Self { quarantined_until: Some(until), ..self.into_status(NumberStatus::Quarantined) }
    }

    /// Reserves the number until a time, also for one subscriber, whether or not a free SIM card carries it. Errors: `number_wrong_state`.
    ///
    /// A reserved number cannot be reserved again, so that the second caller learns of the first reservation.
    pub fn reserve(self, until: DateTime<Utc>, owner: Option<CustomerId>, now: DateTime<Utc>, today: NaiveDate) -> Result<Self> {
        match self.standing(now, today) {
            NumberStatus::Available => {
                Ok(Self { reserved_until: Some(until), reserved_for: owner, ..self.into_status(NumberStatus::Reserved) })
            }
            status => Err(self.refused("reserve", status)),
        }
    }

    /// Makes a reserved number available, or takes back a ported-out one and quarantines it until that day.
    ///
    /// A quarantine cannot be ended early: it keeps calls and codes for the former subscriber from the next one. Errors:
    /// `number_wrong_state`.
    pub fn release(self, rest_until: NaiveDate, now: DateTime<Utc>, today: NaiveDate) -> Result<Self> {
        match self.standing(now, today) {
            NumberStatus::Reserved => Ok(self.into_status(NumberStatus::Available)),
            NumberStatus::PortedOut => Ok(self.quarantine(rest_until)),
            status => Err(self.refused("release", status)),
        }
    }

    /// Ports the number out to another operator. Errors: `number_wrong_state`, `number_on_sim`.
    ///
    /// A contract's number can be ported out after the contract is terminated, from its quarantine.
    pub fn port_out(self, now: DateTime<Utc>, today: NaiveDate) -> Result<Self> {
        match self.standing(now, today) {
            status @ (NumberStatus::Assigned | NumberStatus::PortedOut) => Err(self.refused("port_out", status)),
            _ if self.sim_id.is_some() => Err(Error::new(refusal::NUMBER_ON_SIM).with("msisdn", self.msisdn)),
            _ => Ok(self.into_status(NumberStatus::PortedOut)),
        }
    }

    /// Sets the status and clears the fields of the previous one.
    fn into_status(self, status: NumberStatus) -> Self {
        Self { status, contract_id: None, reserved_until: None, reserved_for: None, quarantined_until: None, ..self }
    }

    fn unavailable(self, status: NumberStatus) -> Error {
        Error::new(refusal::NUMBER_NOT_AVAILABLE).with("msisdn", self.msisdn).with("status", status)
    }

    fn refused(self, action: &str, status: NumberStatus) -> Error {
        Error::new(refusal::NUMBER_WRONG_STATE).with("msisdn", self.msisdn).with("action", action).with("status", status)
    }
}

/// A phone number that is not in the database yet.
#[derive(Clone, Debug)]
pub struct NewNumber {
    /// The number itself, in the country's format.
    pub msisdn: String,
    /// The status.
    pub status: NumberStatus,
    /// The contract to which it is assigned.
    pub contract_id: Option<ContractId>,
    /// When the reservation ends.
    pub reserved_until: Option<DateTime<Utc>>,
    /// The first day on which the number may be given out again.
    pub quarantined_until: Option<NaiveDate>,
    /// When it was added.
    pub created_at: DateTime<Utc>,
}

impl NewNumber {
    /// Creates an available number that was never assigned.
    #[must_use]
    pub fn available(msisdn: String, created_at: DateTime<Utc>) -> Self {
        let (contract_id, reserved_until, quarantined_until) = (None, None, None);
        Self { msisdn, status: NumberStatus::Available, contract_id, reserved_until, quarantined_until, created_at }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use kernel::Code;

    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;
    const CONTRACT: ContractId = ContractId::new(7);
    const CUSTOMER: CustomerId = CustomerId::new(5);

    fn today() -> NaiveDate {
        NOW.date_naive()
    }

    fn rest() -> NaiveDate {
        today() + TimeDelta::days(90)
    }

    /// A number in this state, with the fields that belong to the state.
    fn number(status: NumberStatus) -> Number {
        Number {
            id: NumberId::new(1),
            msisdn: "+79161234567".into(),
            status,
            sim_id: (status == NumberStatus::Assigned).then_some(SimId::new(3)),
            contract_id: (status == NumberStatus::Assigned).then_some(CONTRACT),
            reserved_until: (status == NumberStatus::Reserved).then_some(NOW + TimeDelta::hours(1)),
            reserved_for: None,
            quarantined_until: (status == NumberStatus::Quarantined).then_some(rest()),
            created_at: NOW,
            updated_at: NOW,
            version: 1,
        }
    }

    /// An action and its result for a number in each state, in the order of [`NumberStatus::ALL`].
    type Line = (&'static str, fn(Number) -> Result<Number>, [Result<NumberStatus, Code>; 5]);

    #[test]
    fn every_action_from_every_state_leads_where_the_table_says() {
        use NumberStatus::{Assigned, Available, PortedOut, Quarantined, Reserved};
        let taken = Err(refusal::NUMBER_NOT_AVAILABLE);
        let wrong = Err(refusal::NUMBER_WRONG_STATE);
        // the result of each action for an available, a reserved, an assigned, a quarantined and a ported-out number
        let table: [Line; 6] = [
            ("put on a card", |number| number.put_on_sim(NOW, today()), [Ok(Available), taken, taken, taken, taken]),
            ("assign", |number| number.assign(CONTRACT, CUSTOMER, NOW, today()), [Ok(Assigned), Ok(Assigned), taken, taken, taken]),
            ("reserve", |number| number.reserve(NOW + TimeDelta::days(1), None, NOW, today()), [Ok(Reserved), wrong, wrong, wrong, wrong]),
            ("release", |number| number.release(rest(), NOW, today()), [wrong, Ok(Available), wrong, wrong, Ok(Quarantined)]),
            ("port out", |number| number.port_out(NOW, today()), [Ok(PortedOut), Ok(PortedOut), wrong, Ok(PortedOut), wrong]),
            ("quarantine", |number| Ok(number.quarantine(rest())), [Ok(Quarantined); 5]),
        ];
        for (name, action, expected) in table {
            for (status, expected) in NumberStatus::ALL.iter().zip(expected) {
                let outcome = action(number(*status));
                if let Ok(after) = &outcome {
                    assert_eq!(after.contract_id.is_some(), after.status == Assigned, "{name} from {status}");
                    assert_eq!(after.reserved_until.is_some(), after.status == Reserved, "{name} from {status}");
                    assert_eq!(after.quarantined_until.is_some(), after.status == Quarantined, "{name} from {status}");
                }
                assert_eq!(outcome.map(|after| after.status).map_err(|error| error.code()), expected, "{name} from {status}");
            }
        }
    }

    #[test]
    fn a_number_that_is_reserved_for_somebody_goes_to_nobody_else() {
        let kept = number(NumberStatus::Available).reserve(NOW + TimeDelta::hours(1), Some(CUSTOMER), NOW, today()).unwrap();
        let other = CustomerId::new(6);
        assert_eq!(kept.clone().assign(CONTRACT, other, NOW, today()).unwrap_err().code(), refusal::NUMBER_RESERVED);
        assert_eq!(kept.clone().assign(CONTRACT, CUSTOMER, NOW, today()).unwrap().reserved_for, None);
        assert_eq!(kept.assign(CONTRACT, other, NOW + TimeDelta::hours(1), today()).unwrap().status, NumberStatus::Assigned);
    }

    #[test]
    fn what_a_card_carries_does_not_go_to_another_operator() {
        for status in [NumberStatus::Available, NumberStatus::Reserved] {
            let carried = Number { sim_id: Some(SimId::new(3)), ..number(status) };
            assert_eq!(carried.port_out(NOW, today()).unwrap_err().code(), refusal::NUMBER_ON_SIM, "{status}");
        }
    }

    #[test]
    fn a_reservation_and_a_quarantine_run_out_at_their_ends() {
        let reserved = |until| Number { reserved_until: Some(until), ..number(NumberStatus::Reserved) };
        assert_eq!(reserved(NOW).standing(NOW, today()), NumberStatus::Available);
        assert_eq!(reserved(NOW + TimeDelta::microseconds(1)).standing(NOW, today()), NumberStatus::Reserved);
        let resting = |until| Number { quarantined_until: Some(until), ..number(NumberStatus::Quarantined) };
        assert_eq!(resting(today() + TimeDelta::days(1)).standing(NOW, today()), NumberStatus::Quarantined);
        // expired numbers count as available for every action
        for lapsed in [reserved(NOW), resting(today())] {
            assert_eq!(lapsed.clone().shown(NOW, today()), number(NumberStatus::Available));
            assert_eq!(lapsed.clone().put_on_sim(NOW, today()).unwrap(), number(NumberStatus::Available));
            assert_eq!(lapsed.clone().assign(CONTRACT, CUSTOMER, NOW, today()).unwrap().status, NumberStatus::Assigned);
            assert_eq!(lapsed.clone().reserve(NOW + TimeDelta::hours(1), None, NOW, today()).unwrap(), number(NumberStatus::Reserved));
            assert_eq!(lapsed.release(rest(), NOW, today()).unwrap_err().args()[2], ("status", "available".to_owned()));
        }
    }
}
