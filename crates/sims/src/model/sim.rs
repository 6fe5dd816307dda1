//! The SIM card and its states.
//!
//! A free card can be blocked, closed, or bound by activating a contract or by replacing a contract's card. A bound card follows its
//! contract; when it is unbound, it is closed permanently.
//!
//! A contract is active exactly while its card is. So blocking a bound card suspends its contract: the contract has hold `no_sim`
//! exactly while its card is blocked or it has no card.

use chrono::{DateTime, Utc};
use kernel::{
    Code, Error, FieldErrors, Result,
    error::field,
    id::{ContractId, NumberId, SimId},
    text_enum,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::refusal;

text_enum! {
    /// The kind of a SIM card.
    pub enum SimKind {
        /// A plastic card.
        Physical = "physical",
        /// A profile in the device.
        Esim = "esim",
    }
}

text_enum! {
    /// The status of a SIM card.
    pub enum SimStatus {
        /// Available for a contract.
        Free = "free",
        /// Serves a contract.
        Active = "active",
        /// Suspended with its contract.
        Suspended = "suspended",
        /// Blocked by an operator.
        Blocked = "blocked",
        /// Closed permanently.
        Closed = "closed",
    }
}

text_enum! {
    /// Why a bound SIM card can no longer be used.
    pub enum SimLoss {
        /// The card is lost.
        Lost = "lost",
        /// The card was stolen.
        Stolen = "stolen",
        /// The card does not work.
        Broken = "broken",
    }
}

text_enum! {
    /// What is unusual about the numbers of a new SIM card. Check them; the card can be used all the same.
    pub enum SimWarning {
        /// The last digit of the ICCID does not follow from the others.
        IccidCheckDigit = "iccid_check_digit",
        /// The IMSI does not begin with the code of the operator's country.
        ImsiOfAnotherCountry = "imsi_of_another_country",
    }
}

/// A new SIM card with what is unusual about it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RegisteredSim {
    /// The SIM card.
    #[serde(flatten)]
    pub sim: Sim,
    /// What is unusual about its numbers; usually empty.
    pub warnings: Vec<SimWarning>,
}

/// A SIM card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 12, "iccid": "8970199123456789012", "imsi": "250991234567890", "puk_code": null, "kind": "physical", "status": "active",
    "msisdn": "+79161234567", "number_id": 31, "contract_id": 7, "activated_at": "2026-01-15T10:00:00Z", "deactivated_at": null,
    "block_reason": null, "created_at": "2026-01-15T09:30:00Z", "updated_at": "2026-01-15T10:00:00Z", "version": 2
}))]
pub struct Sim {
    /// The id.
    pub id: SimId,
    /// The ICCID of the card, 19 or 20 digits.
    pub iccid: String,
    /// The subscriber's identity in the network, 15 digits.
    pub imsi: String,
    /// The unblocking code; `null` without `sims:puk`.
    pub puk_code: Option<String>,
    /// Card or profile.
    pub kind: SimKind,
    /// Status; changes only through actions and with the contract.
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
    /// Why it is blocked.
    pub block_reason: Option<String>,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// Increases with every change.
    pub version: i64,
}

impl Sim {
    /// The form that clients see: without the PUK unless `with_puk`.
    #[must_use]
    pub fn shown(mut self, with_puk: bool) -> Self {
        self.puk_code = self.puk_code.filter(|_| with_puk);
        self
    }

    /// Returns the card if it is free. Errors: `sim_not_free`.
    pub fn free(self) -> Result<Self> {
        match self.status {
            SimStatus::Free => Ok(self),
            _ => Err(self.refused(refusal::NOT_FREE)),
        }
    }

    /// Binds the card to a contract that is being activated. Errors: `sim_not_free`, `sim_without_number`.
    pub fn bind(self, contract_id: ContractId, now: DateTime<Utc>) -> Result<Self> {
        match (self.status, self.number_id) {
            (SimStatus::Free, Some(_)) => {
                Ok(Self { status: SimStatus::Active, contract_id: Some(contract_id), activated_at: Some(now), ..self })
            }
            (SimStatus::Free, None) => Err(Error::new(refusal::WITHOUT_NUMBER).with("iccid", self.iccid)),
            _ => Err(self.refused(refusal::NOT_FREE)),
        }
    }

    /// Takes over a contract and its number from another card, and drops the number it carried. Errors: `sim_not_free`.
    pub fn take_over(
        self,
        contract_id: ContractId,
        number_id: NumberId,
        msisdn: String,
        is_served: bool,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let free = self.free()?;
        Ok(Self {
            status: with_contract(is_served),
            contract_id: Some(contract_id),
            number_id: Some(number_id),
            msisdn: Some(msisdn),
            activated_at: Some(now),
            ..free
        })
    }

    /// Suspends the card with its contract. Errors: `sim_not_active`.
    ///
    /// A bound card that an operator blocked stays blocked: the block is why its contract is being suspended.
    pub fn suspend_with_contract(self) -> Result<Self> {
        match (self.status, self.contract_id) {
            (SimStatus::Active, _) => Ok(Self { status: SimStatus::Suspended, ..self }),
            (SimStatus::Blocked, Some(_)) => Ok(self),
            _ => Err(self.refused(refusal::NOT_ACTIVE)),
        }
    }

    /// Resumes the card with its contract. Errors: `sim_not_suspended`.
    ///
    /// A bound card that an operator blocked stays blocked until it is unblocked, which is the next step.
    pub fn resume_with_contract(self) -> Result<Self> {
        match (self.status, self.contract_id) {
            (SimStatus::Suspended, _) => Ok(Self { status: SimStatus::Active, ..self }),
            (SimStatus::Blocked, Some(_)) => Ok(self),
            _ => Err(self.refused(refusal::NOT_SUSPENDED)),
        }
    }

    /// Blocks the card. Errors: `sim_wrong_state`.
    pub fn block(self, reason: &str) -> Result<Self> {
        match self.status {
            SimStatus::Free | SimStatus::Active | SimStatus::Suspended => {
                Ok(Self { status: SimStatus::Blocked, block_reason: Some(reason.to_owned()), ..self })
            }
            SimStatus::Blocked | SimStatus::Closed => Err(self.impossible("block")),
        }
    }

    /// Unblocks the card: it becomes free, or follows its contract. Errors: `sim_wrong_state`.
    pub fn unblock(self, is_served: bool) -> Result<Self> {
        match (self.status, self.contract_id) {
            (SimStatus::Blocked, None) => Ok(Self { status: SimStatus::Free, block_reason: None, ..self }),
            (SimStatus::Blocked, Some(_)) => Ok(Self { status: with_contract(is_served), block_reason: None, ..self }),
            _ => Err(self.impossible("unblock")),
        }
    }

    /// Closes a card that never served a contract, and drops its number. Errors: `sim_wrong_state`.
    pub fn close(self, now: DateTime<Utc>) -> Result<Self> {
        match (self.status, self.contract_id) {
            (SimStatus::Free | SimStatus::Blocked, None) => Ok(self.closed(now)),
            _ => Err(self.impossible("close")),
        }
    }

    /// Takes the card from its contract, drops its number and closes it permanently. Errors: `sim_not_bound`.
    pub fn unbind_and_close(self, now: DateTime<Utc>) -> Result<Self> {
        match self.contract_id {
            Some(_) => Ok(self.closed(now)),
            None => Err(self.refused(refusal::NOT_BOUND)),
        }
    }

    /// Checks that these fields may change: all while the card is free, kind and PUK until it is closed, then none.
    ///
    /// Errors: `read_only` in each field that may not change in this state, `sim_wrong_state` for a closed card.
    pub fn editable(&self, changed: &[&str]) -> Result<()> {
        let mut wrong = FieldErrors::default();
        match self.status {
            SimStatus::Free => {}
            SimStatus::Closed if changed.is_empty() => {}
            SimStatus::Closed => return Err(self.impossible("edit")),
            SimStatus::Active | SimStatus::Suspended | SimStatus::Blocked => {
                for name in changed.iter().filter(|name| !["kind", "puk_code"].contains(*name)) {
                    wrong.add(name, field::READ_ONLY);
                }
            }
        }
        wrong.into_result()
    }

    fn closed(self, now: DateTime<Utc>) -> Self {
        let (contract_id, number_id, msisdn, block_reason) = (None, None, None, None);
        Self { status: SimStatus::Closed, contract_id, number_id, msisdn, block_reason, deactivated_at: Some(now), ..self }
    }

    fn refused(&self, code: Code) -> Error {
        Error::new(code).with("status", self.status)
    }

    fn impossible(&self, action: &str) -> Error {
        let bound = if self.contract_id.is_some() { "yes" } else { "no" };
        self.refused(refusal::WRONG_STATE).with("action", action).with("bound", bound)
    }
}

/// The status of a bound card that is not blocked.
fn with_contract(is_served: bool) -> SimStatus {
    if is_served { SimStatus::Active } else { SimStatus::Suspended }
}

/// A SIM card that is not in the database yet.
#[derive(Clone, Debug)]
pub struct NewSim {
    /// The ICCID of the card.
    pub iccid: String,
    /// The subscriber's identity in the network.
    pub imsi: String,
    /// The unblocking code.
    pub puk_code: Option<String>,
    /// Card or profile.
    pub kind: SimKind,
    /// The status.
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

#[cfg(test)]
mod tests {
    use kernel::error::common;

    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;
    const CONTRACT: ContractId = ContractId::new(7);

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
            block_reason: (status == SimStatus::Blocked).then(|| "fraud".to_owned()),
            created_at: NOW,
            updated_at: NOW,
            version: 1,
        }
    }

    /// Every possible state: the status, and whether the card is bound to a contract.
    const STATES: [(SimStatus, bool); 6] = [
        (SimStatus::Free, false),
        (SimStatus::Active, true),
        (SimStatus::Suspended, true),
        (SimStatus::Blocked, false),
        (SimStatus::Blocked, true),
        (SimStatus::Closed, false),
    ];

    /// An action and its result for a card in each of [`STATES`].
    type Line<'a> = (&'a str, &'a dyn Fn(Sim) -> Result<Sim>, [Result<SimStatus, Code>; 6]);

    #[test]
    fn every_action_from_every_state_leads_where_the_table_says() {
        use SimStatus::{Active, Blocked, Closed, Free, Suspended};
        let (taken, wrong) = (Err(refusal::NOT_FREE), Err(refusal::WRONG_STATE));
        let (idle, serving, unbound) = (Err(refusal::NOT_ACTIVE), Err(refusal::NOT_SUSPENDED), Err(refusal::NOT_BOUND));
        let take_over = |sim: Sim, is_served| sim.take_over(CONTRACT, NumberId::new(2), "+79160000000".into(), is_served, NOW);
        // the result of each action for the states above, in their order
        let table: [Line<'_>; 10] = [
            ("bind", &|sim| sim.bind(CONTRACT, NOW), [Ok(Active), taken, taken, taken, taken, taken]),
            ("take over", &|sim| take_over(sim, true), [Ok(Active), taken, taken, taken, taken, taken]),
            ("take over a held contract", &|sim| take_over(sim, false), [Ok(Suspended), taken, taken, taken, taken, taken]),
            ("suspend", &Sim::suspend_with_contract, [idle, Ok(Suspended), idle, idle, Ok(Blocked), idle]),
            ("resume", &Sim::resume_with_contract, [serving, serving, Ok(Active), serving, Ok(Blocked), serving]),
            ("block", &|sim| sim.block("fraud"), [Ok(Blocked), Ok(Blocked), Ok(Blocked), wrong, wrong, wrong]),
            ("unblock", &|sim| sim.unblock(true), [wrong, wrong, wrong, Ok(Free), Ok(Active), wrong]),
            ("unblock for a held contract", &|sim| sim.unblock(false), [wrong, wrong, wrong, Ok(Free), Ok(Suspended), wrong]),
            ("close", &|sim| sim.close(NOW), [Ok(Closed), wrong, wrong, Ok(Closed), wrong, wrong]),
            ("unbind", &|sim| sim.unbind_and_close(NOW), [unbound, Ok(Closed), Ok(Closed), unbound, Ok(Closed), unbound]),
        ];
        for (name, action, expected) in table {
            for (state, expected) in STATES.into_iter().zip(expected) {
                let outcome = action(sim(state.0, state.1));
                if let Err(error) = &outcome {
                    assert_eq!(error.args()[0], ("status", state.0.to_string()), "{name} from {state:?}");
                }
                if let Ok(after) = &outcome {
                    assert!(STATES.contains(&(after.status, after.contract_id.is_some())), "{name} from {state:?}");
                    assert_eq!(after.number_id.is_some(), after.status != Closed, "{name} from {state:?}");
                    assert_eq!(after.msisdn.is_some(), after.number_id.is_some(), "{name} from {state:?}");
                    assert_eq!(after.deactivated_at.is_some(), after.status == Closed, "{name} from {state:?}");
                    assert_eq!(after.block_reason.is_some(), after.status == Blocked, "{name} from {state:?}");
                }
                assert_eq!(outcome.map(|sim| sim.status).map_err(|error| error.code()), expected, "{name} from {state:?}");
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
    fn what_may_be_edited_gets_less_with_each_state() {
        const ALL: [&str; 5] = ["iccid", "imsi", "puk_code", "kind", "msisdn"];
        for state in STATES {
            let refused = sim(state.0, state.1).editable(&ALL).err();
            let fields = refused.iter().flat_map(|error| error.wrong_fields()).map(|wrong| wrong.pointer.as_str()).collect::<Vec<_>>();
            let (code, expected): (_, &[&str]) = match state.0 {
                SimStatus::Free => (None, &[]),
                SimStatus::Closed => (Some(refusal::WRONG_STATE), &[]),
                _ => (Some(common::INVALID), &["/iccid", "/imsi", "/msisdn"]),
            };
            assert_eq!((refused.as_ref().map(Error::code), fields.as_slice()), (code, expected), "{state:?}");
            assert_eq!(sim(state.0, state.1).editable(&["kind", "puk_code"]).is_ok(), state.0 != SimStatus::Closed, "{state:?}");
            assert!(sim(state.0, state.1).editable(&[]).is_ok());
        }
    }

    #[test]
    fn the_puk_is_shown_only_to_those_who_may_see_it() {
        assert_eq!(sim(SimStatus::Free, false).shown(true).puk_code.as_deref(), Some("12345678"));
        assert_eq!(sim(SimStatus::Free, false).shown(false).puk_code, None);
    }
}
