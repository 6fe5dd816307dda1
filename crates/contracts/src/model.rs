//! The contract and its transitions.

use std::{borrow::Cow, str::FromStr};

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{
    Error, Money, Result,
    id::{ContractId, CustomerId, SimId, TariffId},
    money::Percent,
    text_enum,
};
use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, RefOr, Schema},
};

/// Refusals about contracts.
pub mod refusal {
    kernel::codes! {
        /// No such contract.
        NOT_FOUND = NotFound "contract_not_found";
        /// Only a draft can be activated.
        NOT_DRAFT = Conflict "contract_not_draft";
        /// A draft or a terminated contract cannot be held.
        NOT_RUNNING = Conflict "contract_not_running";
        /// The contract is over.
        TERMINATED = Conflict "contract_terminated";
        /// The hold is on already.
        HOLD_PRESENT = Conflict "hold_present";
        /// There is no such hold to lift.
        HOLD_ABSENT = Conflict "hold_absent";
        /// The draft names no SIM and the request neither.
        SIM_MISSING = Conflict "contract_without_sim";
    }
}

text_enum! {
    /// Where a contract stands.
    pub enum ContractStatus {
        /// Drawn up, to be edited freely.
        Draft = "draft",
        /// Served.
        Active = "active",
        /// At least one hold is on.
        Suspended = "suspended",
        /// Over.
        Terminated = "terminated",
    }
}

text_enum! {
    /// Why a contract is held.
    pub enum HoldReason {
        /// The balance does not cover the fee; placed and lifted by billing alone.
        Debt = "debt",
        /// The subscriber asked for it.
        Request = "request",
        /// Fraud is suspected.
        Fraud = "fraud",
        /// The subscriber is suspended or blocked.
        Customer = "customer",
        /// The SIM is lost, stolen or broken.
        NoSim = "no_sim",
    }
}

/// The holds that are on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Holds(pub Vec<HoldReason>);

impl FromStr for Holds {
    type Err = String;

    /// Reads the words as SQL strings them together.
    fn from_str(words: &str) -> Result<Self, String> {
        words.split(',').filter(|word| !word.is_empty()).map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

kernel::text_column!(Holds);

impl PartialSchema for Holds {
    fn schema() -> RefOr<Schema> {
        ArrayBuilder::new().items(HoldReason::schema()).into()
    }
}

impl ToSchema for Holds {
    fn name() -> Cow<'static, str> {
        "Holds".into()
    }
}

/// A contract.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
#[schema(example = json!({
    "id": 12, "number": "202601-7K3M9QXA", "customer_id": 7, "tariff_id": 3, "sim_id": 41, "status": "active", "signed_date": "2026-01-15",
    "activation_date": "2026-01-15", "termination_date": null, "balance": "400.00", "credit_limit": "0.00", "total_charged": "600.00",
    "discount_percent": "0.00", "next_billing_date": "2026-02-15", "billing_day": 15, "holds": [], "notes": null,
    "created_at": "2026-01-15T09:40:00Z", "updated_at": "2026-01-15T09:41:00Z", "version": 3
}))]
pub struct Contract {
    /// The id.
    pub id: ContractId,
    /// The contract's number, made by the system.
    pub number: String,
    /// The subscriber.
    pub customer_id: CustomerId,
    /// The tariff.
    pub tariff_id: TariffId,
    /// The SIM; on a draft the one to be bound.
    pub sim_id: Option<SimId>,
    /// Changes only through its actions.
    pub status: ContractStatus,
    /// When it was signed.
    pub signed_date: NaiveDate,
    /// When it was activated.
    pub activation_date: Option<NaiveDate>,
    /// When it was terminated.
    pub termination_date: Option<NaiveDate>,
    /// The signed sum of its successful transactions.
    pub balance: Money,
    /// How far below zero the balance may go.
    pub credit_limit: Money,
    /// All that was ever charged.
    pub total_charged: Money,
    /// Discount on every fee.
    pub discount_percent: Percent,
    /// When the next period begins.
    pub next_billing_date: Option<NaiveDate>,
    /// Day of the month on which periods begin, shortened in short months.
    #[schema(minimum = 1, maximum = 31)]
    pub billing_day: Option<i64>,
    /// The holds that are on; the contract is suspended exactly while there is one.
    pub holds: Holds,
    /// Free notes.
    pub notes: Option<String>,
    /// When it was drawn up.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// Grows with every change.
    pub version: i64,
}

impl Contract {
    /// Whether this hold is on.
    pub fn is_held(&self, reason: HoldReason) -> bool {
        self.holds.0.contains(&reason)
    }

    /// A draft becomes active. Errors: `contract_not_draft`.
    pub fn activated(&self, today: NaiveDate) -> Result<Self> {
        match self.status {
            ContractStatus::Draft => Ok(Self { status: ContractStatus::Active, activation_date: Some(today), ..self.clone() }),
            status => Err(Error::new(refusal::NOT_DRAFT).with("status", status)),
        }
    }

    /// One more hold suspends. Errors: `contract_not_running`, `hold_present`.
    pub fn held(&self, reason: HoldReason) -> Result<Self> {
        self.running()?;
        if self.is_held(reason) {
            return Err(Error::new(refusal::HOLD_PRESENT).with("reason", reason));
        }
        let mut holds = self.holds.0.clone();
        holds.push(reason);
        holds.sort_unstable_by_key(|hold| hold.as_str());
        Ok(Self { status: ContractStatus::Suspended, holds: Holds(holds), ..self.clone() })
    }

    /// One hold less; active again when it was the last. Errors: `contract_not_running`, `hold_absent`.
    pub fn released(&self, reason: HoldReason) -> Result<Self> {
        self.running()?;
        if !self.is_held(reason) {
            return Err(Error::new(refusal::HOLD_ABSENT).with("reason", reason));
        }
        let holds: Vec<HoldReason> = self.holds.0.iter().copied().filter(|hold| *hold != reason).collect();
        let status = if holds.is_empty() { ContractStatus::Active } else { ContractStatus::Suspended };
        Ok(Self { status, holds: Holds(holds), ..self.clone() })
    }

    /// Over, from any state but this one. Errors: `contract_terminated`.
    pub fn terminated(&self, today: NaiveDate) -> Result<Self> {
        self.not_over()?;
        Ok(Self {
            status: ContractStatus::Terminated,
            termination_date: Some(today),
            next_billing_date: None,
            holds: Holds::default(),
            ..self.clone()
        })
    }

    /// Errors: `contract_terminated`.
    pub fn not_over(&self) -> Result<()> {
        match self.status {
            ContractStatus::Terminated => Err(Error::new(refusal::TERMINATED).with("number", &self.number)),
            _ => Ok(()),
        }
    }

    fn running(&self) -> Result<()> {
        match self.status {
            ContractStatus::Active | ContractStatus::Suspended => Ok(()),
            status => Err(Error::new(refusal::NOT_RUNNING).with("status", status)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: NaiveDate = NaiveDate::from_ymd_opt(2026, 1, 31).unwrap();

    fn contract(status: ContractStatus, holds: &[HoldReason]) -> Contract {
        Contract {
            id: ContractId::new(1),
            number: "202601-AAAAAAAA".into(),
            customer_id: CustomerId::new(1),
            tariff_id: TariffId::new(1),
            sim_id: None,
            status,
            signed_date: TODAY,
            activation_date: None,
            termination_date: None,
            balance: Money::ZERO,
            credit_limit: Money::ZERO,
            total_charged: Money::ZERO,
            discount_percent: Percent::default(),
            next_billing_date: None,
            billing_day: None,
            holds: Holds(holds.to_vec()),
            notes: None,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            version: 1,
        }
    }

    #[test]
    fn every_action_from_every_state() {
        use ContractStatus::{Active, Draft, Suspended, Terminated};
        use HoldReason::{Debt, Fraud};
        let code = |outcome: Result<Contract>| outcome.map(|after| after.status).map_err(|error| error.code().name);
        let states = [
            contract(Draft, &[]),
            contract(Active, &[]),
            contract(Suspended, &[Debt]),
            contract(Suspended, &[Debt, Fraud]),
            contract(Terminated, &[]),
        ];
        let activate = states.clone().map(|from| code(from.activated(TODAY)));
        assert_eq!(
            activate,
            [Ok(Active), Err("contract_not_draft"), Err("contract_not_draft"), Err("contract_not_draft"), Err("contract_not_draft")]
        );
        let hold = states.clone().map(|from| code(from.held(Fraud)));
        assert_eq!(hold, [Err("contract_not_running"), Ok(Suspended), Ok(Suspended), Err("hold_present"), Err("contract_not_running")]);
        let lift = states.clone().map(|from| code(from.released(Debt)));
        assert_eq!(lift, [Err("contract_not_running"), Err("hold_absent"), Ok(Active), Ok(Suspended), Err("contract_not_running")]);
        let terminate = states.map(|from| code(from.terminated(TODAY)));
        assert_eq!(terminate, [Ok(Terminated), Ok(Terminated), Ok(Terminated), Ok(Terminated), Err("contract_terminated")]);
    }

    #[test]
    fn suspended_exactly_while_a_hold_is_on() {
        let mut present = contract(ContractStatus::Active, &[]);
        // every order of placing and lifting three holds, as numbers in base six
        for walk in 0..6_u32.pow(5) {
            let mut step = walk;
            for _ in 0..5 {
                let reason = [HoldReason::Debt, HoldReason::Fraud, HoldReason::Request][(step % 3) as usize];
                let outcome = if step % 6 < 3 { present.held(reason) } else { present.released(reason) };
                present = outcome.unwrap_or(present);
                assert_eq!(present.status == ContractStatus::Suspended, !present.holds.0.is_empty());
                step /= 6;
            }
        }
    }
}
