//! SIM cards and phone numbers, and how they pass from state to state.

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{
    Code, Error, Result,
    id::{ContractId, CustomerId, NumberId, SimId},
    text_enum,
};
use serde::Serialize;
use utoipa::ToSchema;

/// Refusals about SIM cards and numbers.
pub mod refusal {
    kernel::codes! {
        /// No such SIM card.
        NOT_FOUND = NotFound "sim_not_found";
        /// A unique value belongs to another SIM card.
        DUPLICATE = Conflict "sim_duplicate";
        /// Only a free SIM card can be bound.
        NOT_FREE = Conflict "sim_not_free";
        /// Only an active SIM card can be suspended.
        NOT_ACTIVE = Conflict "sim_not_active";
        /// Only a suspended SIM card can be resumed.
        NOT_SUSPENDED = Conflict "sim_not_suspended";
        /// Only a bound SIM card can be released.
        NOT_BOUND = Conflict "sim_not_bound";
        /// A SIM card without a number cannot be bound.
        WITHOUT_NUMBER = Conflict "sim_without_number";
        /// No such number.
        NUMBER_NOT_FOUND = NotFound "number_not_found";
        /// The number's state does not allow it.
        NUMBER_NOT_AVAILABLE = Conflict "number_not_available";
        /// Another SIM card carries the number.
        NUMBER_TAKEN = Conflict "number_taken";
        /// Some numbers of the range are there already.
        NUMBER_DUPLICATE = Conflict "number_duplicate";
    }
}

text_enum! {
    /// What a SIM card is made of.
    pub enum SimKind {
        /// A plastic card.
        Physical = "physical",
        /// A profile in the device.
        Esim = "esim",
    }
}

text_enum! {
    /// Where a SIM card stands.
    pub enum SimStatus {
        /// Waits for a contract.
        Free = "free",
        /// Serves a contract.
        Active = "active",
        /// Suspended with its contract.
        Suspended = "suspended",
        /// Barred by an operator.
        Blocked = "blocked",
        /// Done with for good.
        Closed = "closed",
    }
}

text_enum! {
    /// Where a phone number stands.
    pub enum NumberStatus {
        /// Nobody's; a free SIM card may carry it.
        Available = "available",
        /// Put aside until a time.
        Reserved = "reserved",
        /// A contract's.
        Assigned = "assigned",
        /// Rests until a date after its last contract.
        Quarantined = "quarantined",
        /// Went to another operator.
        PortedOut = "ported_out",
    }
}

/// A SIM card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema, sqlx::FromRow)]
#[schema(example = json!({
    "id": 12, "iccid": "8970199123456789012", "imsi": "250991234567890", "puk_code": null, "kind": "physical", "status": "active",
    "msisdn": "+79161234567", "number_id": 31, "contract_id": 7, "activated_at": "2026-01-15T10:00:00Z", "deactivated_at": null,
    "created_at": "2026-01-15T09:30:00Z", "updated_at": "2026-01-15T10:00:00Z", "version": 2
}))]
pub struct Sim {
    /// The id.
    pub id: SimId,
    /// The card's own number, 19 or 20 digits.
    pub iccid: String,
    /// The subscriber's identity in the network, 15 digits.
    pub imsi: String,
    /// The unblocking code; `null` without `sims:puk`.
    pub puk_code: Option<String>,
    /// Card or profile.
    pub kind: SimKind,
    /// Changes only through its actions and with its contract.
    pub status: SimStatus,
    /// The phone number it carries.
    pub msisdn: Option<String>,
    /// The number's id.
    pub number_id: Option<NumberId>,
    /// The contract it serves.
    pub contract_id: Option<ContractId>,
    /// When it began to serve a contract.
    pub activated_at: Option<DateTime<Utc>>,
    /// When it was closed.
    pub deactivated_at: Option<DateTime<Utc>>,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// Grows with every change.
    pub version: i64,
}

impl Sim {
    /// The form that is shown: without the PUK unless `with_puk`.
    #[must_use]
    pub fn shown(mut self, with_puk: bool) -> Self {
        self.puk_code = self.puk_code.filter(|_| with_puk);
        self
    }

    /// The SIM, if it can still be given to a contract. Errors: `sim_not_free`.
    pub fn free(self) -> Result<Self> {
        match self.status {
            SimStatus::Free => Ok(self),
            _ => Err(self.refused(refusal::NOT_FREE)),
        }
    }

    /// Put to the service of a contract. Errors: `sim_not_free`, `sim_without_number`.
    pub fn bind(self, contract_id: ContractId, now: DateTime<Utc>) -> Result<Self> {
        match (self.status, self.number_id) {
            (SimStatus::Free, Some(_)) => {
                Ok(Self { status: SimStatus::Active, contract_id: Some(contract_id), activated_at: Some(now), ..self })
            }
            (SimStatus::Free, None) => Err(Error::new(refusal::WITHOUT_NUMBER).with("iccid", self.iccid)),
            _ => Err(self.refused(refusal::NOT_FREE)),
        }
    }

    /// Suspended because its contract is. Errors: `sim_not_active`.
    ///
    /// One that an operator blocked stays blocked, and must not keep its contract from being suspended.
    pub fn suspend_with_contract(self) -> Result<Self> {
        match (self.status, self.contract_id) {
            (SimStatus::Active, _) => Ok(Self { status: SimStatus::Suspended, ..self }),
            (SimStatus::Blocked, Some(_)) => Ok(self),
            _ => Err(self.refused(refusal::NOT_ACTIVE)),
        }
    }

    /// Serves again because its contract does. Errors: `sim_not_suspended`.
    ///
    /// One that an operator blocked stays blocked until the operator unblocks it.
    pub fn resume_with_contract(self) -> Result<Self> {
        match (self.status, self.contract_id) {
            (SimStatus::Suspended, _) => Ok(Self { status: SimStatus::Active, ..self }),
            (SimStatus::Blocked, Some(_)) => Ok(self),
            _ => Err(self.refused(refusal::NOT_SUSPENDED)),
        }
    }

    /// Taken from its contract and closed for good, its number let go. Errors: `sim_not_bound`.
    pub fn unbind_and_close(self, now: DateTime<Utc>) -> Result<Self> {
        if self.contract_id.is_none() {
            return Err(self.refused(refusal::NOT_BOUND));
        }
        Ok(Self { status: SimStatus::Closed, contract_id: None, number_id: None, msisdn: None, deactivated_at: Some(now), ..self })
    }

    fn refused(&self, code: Code) -> Error {
        Error::new(code).with("status", self.status)
    }
}

/// A phone number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema, sqlx::FromRow)]
#[schema(example = json!({
    "id": 31, "msisdn": "+79161234567", "status": "quarantined", "reserved_until": null, "quarantined_until": "2026-04-15",
    "created_at": "2026-01-15T09:30:00Z", "updated_at": "2026-01-15T09:30:00Z", "version": 3
}))]
pub struct Number {
    /// The id.
    pub id: NumberId,
    /// The number itself, in the country's form.
    pub msisdn: String,
    /// Changes only through its actions and with contracts.
    pub status: NumberStatus,
    /// The moment from which a reservation no longer counts.
    pub reserved_until: Option<DateTime<Utc>>,
    /// The first day on which it may be given out again.
    pub quarantined_until: Option<NaiveDate>,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// Grows with every change.
    pub version: i64,
}

impl Number {
    /// Where it stands now that some reservations and quarantines have run out.
    #[must_use]
    pub fn standing(&self, now: DateTime<Utc>, today: NaiveDate) -> NumberStatus {
        match self.status {
            NumberStatus::Reserved if self.reserved_until.is_some_and(|until| until <= now) => NumberStatus::Available,
            NumberStatus::Quarantined if self.quarantined_until.is_some_and(|until| until <= today) => NumberStatus::Available,
            status => status,
        }
    }

    /// Put on a free SIM card: it stays available, and whatever it waited for is over. Errors: `number_not_available`.
    pub fn put_on_sim(self, now: DateTime<Utc>, today: NaiveDate) -> Result<Self> {
        match self.standing(now, today) {
            NumberStatus::Available => Ok(self.into_status(NumberStatus::Available, None)),
            status => Err(self.refused(status)),
        }
    }

    /// Given to the contract of the SIM card that carries it. Errors: `number_not_available`.
    ///
    /// A reserved number counts as reserved for the card that carries it.
    pub fn assign(self, now: DateTime<Utc>, today: NaiveDate) -> Result<Self> {
        match self.standing(now, today) {
            NumberStatus::Available | NumberStatus::Reserved => Ok(self.into_status(NumberStatus::Assigned, None)),
            status => Err(self.refused(status)),
        }
    }

    /// Taken from its contract, to rest until that day; one that went to another operator is not ours to give out again.
    #[must_use]
    pub fn quarantine(self, until: NaiveDate) -> Self {
        match self.status {
            NumberStatus::PortedOut => self,
            _ => self.into_status(NumberStatus::Quarantined, Some(until)),
        }
    }

    fn into_status(self, status: NumberStatus, quarantined_until: Option<NaiveDate>) -> Self {
        Self { status, reserved_until: None, quarantined_until, ..self }
    }

    fn refused(self, status: NumberStatus) -> Error {
        Error::new(refusal::NUMBER_NOT_AVAILABLE).with("msisdn", self.msisdn).with("status", status)
    }
}

/// A SIM card that is not in the database yet.
#[derive(Clone, Debug)]
pub struct NewSim {
    /// The card's own number.
    pub iccid: String,
    /// The subscriber's identity in the network.
    pub imsi: String,
    /// The unblocking code.
    pub puk_code: Option<String>,
    /// Card or profile.
    pub kind: SimKind,
    /// Where it stands.
    pub status: SimStatus,
    /// The number it carries: its id and the number itself.
    pub number: Option<(NumberId, String)>,
    /// The contract it serves.
    pub contract_id: Option<ContractId>,
    /// When it began to serve a contract.
    pub activated_at: Option<DateTime<Utc>>,
    /// When it was closed.
    pub deactivated_at: Option<DateTime<Utc>>,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
}

/// A phone number that is not in the database yet.
#[derive(Clone, Debug)]
pub struct NewNumber {
    /// The number itself, in the country's form.
    pub msisdn: String,
    /// Where it stands.
    pub status: NumberStatus,
    /// The moment from which a reservation no longer counts.
    pub reserved_until: Option<DateTime<Utc>>,
    /// The first day on which it may be given out again.
    pub quarantined_until: Option<NaiveDate>,
    /// When it was added.
    pub created_at: DateTime<Utc>,
}

impl NewNumber {
    /// One that nobody has had yet.
    #[must_use]
    pub fn available(msisdn: String, created_at: DateTime<Utc>) -> Self {
        Self { msisdn, status: NumberStatus::Available, reserved_until: None, quarantined_until: None, created_at }
    }
}

/// A binding of a SIM card and its number to a contract that is not in the database yet.
#[derive(Clone, Debug)]
pub struct NewBinding {
    /// The SIM card.
    pub sim_id: SimId,
    /// The number it carried.
    pub number_id: NumberId,
    /// The contract it served.
    pub contract_id: ContractId,
    /// The contract's subscriber.
    pub customer_id: CustomerId,
    /// When it began.
    pub bound_at: DateTime<Utc>,
    /// Why it began.
    pub bound_why: String,
    /// When and why it ended, if it has.
    pub unbound: Option<(DateTime<Utc>, String)>,
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;
    const CONTRACT: ContractId = ContractId::new(7);

    fn today() -> NaiveDate {
        NOW.date_naive()
    }

    fn sim(status: SimStatus, bound: bool) -> Sim {
        Sim {
            id: SimId::new(1),
            iccid: "8970199123456789012".into(),
            imsi: "250991234567890".into(),
            puk_code: Some("12345678".into()),
            kind: SimKind::Physical,
            status,
            msisdn: Some("+79161234567".into()),
            number_id: Some(NumberId::new(1)),
            contract_id: bound.then_some(CONTRACT),
            activated_at: None,
            deactivated_at: None,
            created_at: NOW,
            updated_at: NOW,
            version: 1,
        }
    }

    fn number(status: NumberStatus) -> Number {
        let (reserved_until, quarantined_until) = (None, None);
        Number {
            id: NumberId::new(1),
            msisdn: "+79161234567".into(),
            status,
            reserved_until,
            quarantined_until,
            created_at: NOW,
            updated_at: NOW,
            version: 1,
        }
    }

    /// Every state there can be: status, and whether a contract has the card.
    const STATES: [(SimStatus, bool); 6] = [
        (SimStatus::Free, false),
        (SimStatus::Active, true),
        (SimStatus::Suspended, true),
        (SimStatus::Blocked, false),
        (SimStatus::Blocked, true),
        (SimStatus::Closed, false),
    ];

    type Outcome = Result<SimStatus, Code>;

    /// What each action makes of each of [`STATES`].
    fn expected(action: &str) -> [Outcome; 6] {
        use SimStatus::{Active, Blocked, Closed, Suspended};
        match action {
            "bind" => {
                let refused = Err(refusal::NOT_FREE);
                [Ok(Active), refused, refused, refused, refused, refused]
            }
            "suspend" => {
                let refused = Err(refusal::NOT_ACTIVE);
                [refused, Ok(Suspended), refused, refused, Ok(Blocked), refused]
            }
            "resume" => {
                let refused = Err(refusal::NOT_SUSPENDED);
                [refused, refused, Ok(Active), refused, Ok(Blocked), refused]
            }
            _ => {
                let refused = Err(refusal::NOT_BOUND);
                [refused, Ok(Closed), Ok(Closed), refused, Ok(Closed), refused]
            }
        }
    }

    #[test]
    fn every_action_from_every_state_leads_where_the_table_says() {
        assert!(SimStatus::ALL.iter().all(|status| STATES.iter().any(|(listed, _)| listed == status)));
        type Action = (&'static str, fn(Sim) -> Result<Sim>);
        let actions: [Action; 4] = [
            ("bind", |sim| sim.bind(CONTRACT, NOW)),
            ("suspend", Sim::suspend_with_contract),
            ("resume", Sim::resume_with_contract),
            ("close", |sim| sim.unbind_and_close(NOW)),
        ];
        for (name, action) in actions {
            for ((status, bound), expected) in STATES.into_iter().zip(expected(name)) {
                let outcome = action(sim(status, bound));
                if let Err(error) = &outcome {
                    assert_eq!(error.args(), [("status", status.to_string())], "{name} from {status}");
                }
                if let Ok(after) = &outcome {
                    assert!(STATES.contains(&(after.status, after.contract_id.is_some())), "{name} from {status}");
                    assert_eq!(after.number_id.is_some(), after.contract_id.is_some(), "{name} from {status}");
                    assert_eq!(after.msisdn.is_some(), after.number_id.is_some(), "{name} from {status}");
                    assert_eq!(after.deactivated_at.is_some(), after.status == SimStatus::Closed, "{name} from {status}");
                }
                assert_eq!(outcome.map(|sim| sim.status).map_err(|error| error.code()), expected, "{name} from {status}");
            }
        }
    }

    #[test]
    fn binding_needs_a_number_and_notes_when_and_to_what() {
        let without = Sim { number_id: None, msisdn: None, ..sim(SimStatus::Free, false) };
        assert_eq!(without.bind(CONTRACT, NOW).unwrap_err().code(), refusal::WITHOUT_NUMBER);
        let bound = sim(SimStatus::Free, false).bind(CONTRACT, NOW).unwrap();
        assert_eq!((bound.contract_id, bound.activated_at), (Some(CONTRACT), Some(NOW)));
    }

    #[test]
    fn the_puk_is_shown_only_to_those_who_may_see_it() {
        assert_eq!(sim(SimStatus::Free, false).shown(true).puk_code.as_deref(), Some("12345678"));
        assert_eq!(sim(SimStatus::Free, false).shown(false).puk_code, None);
    }

    #[test]
    fn every_action_on_a_number_from_every_state_leads_where_the_table_says() {
        use NumberStatus::{Assigned, Available, PortedOut, Quarantined, Reserved};
        let until = today() + TimeDelta::days(90);
        let table = [
            (Available, true, true, Quarantined),
            (Reserved, false, true, Quarantined),
            (Assigned, false, false, Quarantined),
            (Quarantined, false, false, Quarantined),
            (PortedOut, false, false, PortedOut),
        ];
        assert_eq!(table.map(|(status, ..)| status).as_slice(), NumberStatus::ALL);
        for (status, may_be_put, may_be_assigned, quarantined) in table {
            let outcome = |changed: Result<Number>| changed.map(|number| number.status).map_err(|error| error.code());
            let expected = |may, status| if may { Ok(status) } else { Err(refusal::NUMBER_NOT_AVAILABLE) };
            assert_eq!(outcome(number(status).put_on_sim(NOW, today())), expected(may_be_put, Available), "{status}");
            assert_eq!(outcome(number(status).assign(NOW, today())), expected(may_be_assigned, Assigned), "{status}");
            assert_eq!(number(status).quarantine(until).status, quarantined, "{status}");
        }
    }

    #[test]
    fn a_reservation_and_a_quarantine_run_out_at_their_ends() {
        let reserved = |until| Number { reserved_until: Some(until), ..number(NumberStatus::Reserved) };
        assert_eq!(reserved(NOW).standing(NOW, today()), NumberStatus::Available);
        assert_eq!(reserved(NOW + TimeDelta::microseconds(1)).standing(NOW, today()), NumberStatus::Reserved);
        let resting = |until| Number { quarantined_until: Some(until), ..number(NumberStatus::Quarantined) };
        assert_eq!(resting(today()).put_on_sim(NOW, today()).unwrap(), number(NumberStatus::Available));
        assert_eq!(resting(today() + TimeDelta::days(1)).standing(NOW, today()), NumberStatus::Quarantined);
    }
}
