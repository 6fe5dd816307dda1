//! The contract and its transitions.

use std::{borrow::Cow, str::FromStr};

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{
    Error, FieldErrors, Money, Result,
    error::field,
    id::{ContractId, CustomerId, SimId, TariffId},
    money::Percent,
    text_enum,
};
use serde::Serialize;
use tariffs::OptionIds;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, RefOr, Schema},
};

use crate::input::ContractInput;

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
        /// Only a draft can be deleted.
        NOT_DELETABLE = Conflict "contract_not_deletable";
        /// Payments or tickets name the draft.
        IN_USE = Conflict "contract_in_use";
        /// The draft names no SIM and the request neither.
        SIM_MISSING = Conflict "contract_without_sim";
        /// A draft has no tariff to change from.
        NOT_IN_FORCE = Conflict "contract_not_in_force";
        /// The contract has this tariff, or will have it.
        TARIFF_UNCHANGED = Conflict "tariff_unchanged";
        /// The contract has these options already.
        OPTIONS_PRESENT = Conflict "options_present";
        /// The contract does not have these options.
        OPTIONS_ABSENT = Conflict "options_absent";
        /// No change waits for the next period.
        NO_PLANNED_CHANGE = Conflict "no_planned_change";
        /// Contracts have options together that were to exclude each other.
        OPTIONS_HAD_TOGETHER = Conflict "options_had_together";
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema, sqlx::FromRow)]
#[schema(example = json!({
    "id": 12, "number": "202601-7K3M9QXA", "customer_id": 7, "tariff_id": 3, "sim_id": 41, "status": "active", "signed_date": "2026-01-15",
    "activation_date": "2026-01-15", "termination_date": null, "balance": "400.00", "credit_limit": "0.00", "total_charged": "600.00",
    "discount_percent": "0.00", "next_billing_date": "2026-02-15", "billing_day": 15, "holds": [], "options": [2], "next_tariff_id": null,
    "next_options": [2], "notes": null,
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
    /// The options that it has.
    pub options: OptionIds,
    /// The tariff that it will have from the next period on; `null` when it stays.
    pub next_tariff_id: Option<TariffId>,
    /// The options that it will have from the next period on.
    pub next_options: OptionIds,
    /// Free notes.
    pub notes: Option<String>,
    /// When it was drawn up.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// Grows with every change.
    pub version: i64,
}

/// What names a new contract.
#[derive(Clone, Debug)]
pub struct NewContract {
    /// The id; 0 until it is written.
    pub id: ContractId,
    /// The contract's number.
    pub number: String,
    /// The subscriber.
    pub customer_id: CustomerId,
    /// The tariff.
    pub tariff_id: TariffId,
    /// When it was signed.
    pub signed_date: NaiveDate,
    /// When it is drawn up.
    pub created_at: DateTime<Utc>,
}

impl Contract {
    /// A draft with nothing on it yet.
    pub fn draft(new: NewContract) -> Self {
        let NewContract { id, number, customer_id, tariff_id, signed_date, created_at } = new;
        Self {
            id,
            number,
            customer_id,
            tariff_id,
            sim_id: None,
            status: ContractStatus::Draft,
            signed_date,
            activation_date: None,
            termination_date: None,
            balance: Money::ZERO,
            credit_limit: Money::ZERO,
            total_charged: Money::ZERO,
            discount_percent: Percent::default(),
            next_billing_date: None,
            billing_day: None,
            holds: Holds::default(),
            options: OptionIds::default(),
            next_tariff_id: None,
            next_options: OptionIds::default(),
            notes: None,
            created_at,
            updated_at: created_at,
            version: 1,
        }
    }

    /// Whether this hold is on.
    pub fn is_held(&self, reason: HoldReason) -> bool {
        self.holds.0.contains(&reason)
    }

    /// Moves the balance by `change`, and the sum of charges by `charged`; only the ledger keeps it. Errors: `amount_out_of_range`.
    pub fn move_balance(&mut self, change: Money, charged: Money) -> Result<()> {
        self.balance = self.balance.add(change)?;
        self.total_charged = self.total_charged.add(charged)?;
        Ok(())
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

    /// The fields that an edit may change, as they are.
    pub fn editable(&self) -> ContractInput {
        ContractInput {
            customer_id: self.customer_id,
            tariff_id: self.tariff_id,
            sim_id: self.sim_id,
            options: self.options.0.clone(),
            credit_limit: Some(self.credit_limit),
            discount_percent: Some(self.discount_percent),
            signed_date: Some(self.signed_date),
            notes: self.notes.clone(),
        }
    }

    /// With the fields of an edit. Of a draft all may change; of a running contract the credit limit, the discount and the
    /// notes; of one that is over nothing.
    ///
    /// Errors: `read_only` in each field that may not change in this state, `contract_terminated`.
    pub fn edited(&self, input: &ContractInput, today: NaiveDate) -> Result<Self> {
        let mut options = OptionIds(input.options.clone());
        options.0.sort_unstable();
        // what is in force in a draft is what it begins with; of a running contract only actions change the options
        let next_options = if self.status == ContractStatus::Draft { options.clone() } else { self.next_options.clone() };
        let after = Self {
            customer_id: input.customer_id,
            tariff_id: input.tariff_id,
            sim_id: input.sim_id,
            options,
            next_options,
            credit_limit: input.credit_limit.unwrap_or_default(),
            discount_percent: input.discount_percent.unwrap_or_default(),
            signed_date: input.signed_date.unwrap_or(today),
            notes: input.notes.clone(),
            ..self.clone()
        };
        match self.status {
            ContractStatus::Draft => {}
            ContractStatus::Terminated if after == *self => {}
            ContractStatus::Terminated => self.not_over()?,
            ContractStatus::Active | ContractStatus::Suspended => {
                let mut wrong = FieldErrors::default();
                for (name, differs) in [
                    ("customer_id", after.customer_id != self.customer_id),
                    ("tariff_id", after.tariff_id != self.tariff_id),
                    ("sim_id", after.sim_id != self.sim_id),
                    ("options", after.options != self.options),
                    ("signed_date", after.signed_date != self.signed_date),
                ] {
                    if differs {
                        wrong.add(name, field::READ_ONLY);
                    }
                }
                wrong.into_result()?;
            }
        }
        Ok(after)
    }

    /// Errors: `contract_not_deletable` for all but drafts.
    pub fn deletable(&self) -> Result<()> {
        match self.status {
            ContractStatus::Draft => Ok(()),
            status => Err(Error::new(refusal::NOT_DELETABLE).with("status", status)),
        }
    }

    /// Errors: `contract_terminated`.
    pub fn not_over(&self) -> Result<()> {
        match self.status {
            ContractStatus::Terminated => Err(Error::new(refusal::TERMINATED).with("number", &self.number)),
            _ => Ok(()),
        }
    }

    /// Errors: `contract_not_running`.
    pub fn running(&self) -> Result<()> {
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
        let draft = Contract::draft(NewContract {
            id: ContractId::new(1),
            number: "202601-AAAAAAAA".into(),
            customer_id: CustomerId::new(1),
            tariff_id: TariffId::new(1),
            signed_date: TODAY,
            created_at: DateTime::UNIX_EPOCH,
        });
        Contract { status, holds: Holds(holds.to_vec()), ..draft }
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
    fn what_an_edit_may_change_depends_on_the_state() {
        use ContractStatus::{Active, Draft, Suspended, Terminated};
        let input = |name: &str, from: &Contract| {
            let mut input = from.editable();
            match name {
                "customer_id" => input.customer_id = CustomerId::new(2),
                "tariff_id" => input.tariff_id = TariffId::new(2),
                "sim_id" => input.sim_id = Some(SimId::new(2)),
                "signed_date" => input.signed_date = NaiveDate::from_ymd_opt(2025, 1, 1),
                "credit_limit" => input.credit_limit = Some(Money::MAX),
                "discount_percent" => input.discount_percent = "5".parse().ok(),
                _ => input.notes = Some("x".into()),
            }
            input
        };
        for name in ["customer_id", "tariff_id", "sim_id", "signed_date", "credit_limit", "discount_percent", "notes"] {
            let bound = ["customer_id", "tariff_id", "sim_id", "signed_date"].contains(&name);
            for (status, refused) in [
                (Draft, None),
                (Active, bound.then_some("invalid")),
                (Suspended, bound.then_some("invalid")),
                (Terminated, Some("contract_terminated")),
            ] {
                let from = contract(status, &[]);
                let outcome = from.edited(&input(name, &from), TODAY);
                assert_eq!(outcome.as_ref().err().map(|error| error.code().name), refused, "{name} {status}");
                if let Ok(after) = outcome {
                    assert_eq!((after == from, after.editable()), (false, input(name, &from)), "{name} {status}");
                }
                assert_eq!(from.edited(&from.editable(), TODAY).unwrap(), from, "unchanged {status}");
            }
        }
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
