//! What a contract pays for: its tariff and its options, now and from the next period on.

use chrono::{DateTime, Utc};
use kernel::{
    Context, Error, FieldErrors, Input, Money, Result,
    error::field,
    id::{OptionId, TariffId},
    money::Quantity,
    text_enum,
};
use serde::{Deserialize, Serialize};
use tariffs::{OptionKind, repeated};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::model::{Contract, ContractStatus, refusal};

/// The maximum number of options on a contract.
pub const MOST_OPTIONS: usize = 50;

/// A tariff and its additional options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The tariff.
    pub tariff_id: TariffId,
    /// The options, ordered by id.
    pub options: Vec<OptionId>,
}

impl Contract {
    /// The plan in force now.
    pub fn plan(&self) -> Plan {
        Plan { tariff_id: self.tariff_id, options: self.options.0.clone() }
    }

    /// The plan from the next period on.
    pub fn next_plan(&self) -> Plan {
        Plan { tariff_id: self.next_tariff_id.unwrap_or(self.tariff_id), options: self.next_options.0.clone() }
    }

    /// Whether a change takes effect when the next period begins.
    pub fn has_planned_change(&self) -> bool {
        self.plan() != self.next_plan()
    }

    /// Checks that an action may change the tariff. Errors: `contract_not_in_force` for a draft, `contract_terminated`.
    pub fn changes_tariff(&self) -> Result<()> {
        self.not_over()?;
        match self.status {
            ContractStatus::Draft => Err(Error::new(refusal::NOT_IN_FORCE).with("number", &self.number)),
            _ => Ok(()),
        }
    }
}

text_enum! {
    /// When a change of tariff or options takes effect.
    pub enum When {
        /// Today: the rest of the running period is credited and charged again.
        Now = "now",
        /// When the next period begins.
        NextPeriod = "next_period",
    }
}

/// Which tariff to change to, and when.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"tariff_id": 4, "when": "next_period"}))]
pub struct ChangeTariffInput {
    /// The new tariff, which must be for sale and compatible with every option of the contract.
    pub tariff_id: TariffId,
    /// When the change takes effect.
    pub when: When,
}

impl Input for ChangeTariffInput {}

/// Which options to add and to remove, and when.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"add": [2], "remove": [], "when": "now"}))]
pub struct ContractOptionsInput {
    /// The options to add.
    #[serde(default)]
    #[validate(length(max = 50))]
    #[schema(max_items = 50)]
    pub add: Vec<OptionId>,
    /// The options to remove.
    #[serde(default)]
    #[validate(length(max = 50))]
    #[schema(max_items = 50)]
    pub remove: Vec<OptionId>,
    /// When the change takes effect; has no effect on a draft.
    pub when: When,
}

impl Input for ContractOptionsInput {
    fn check(&self, _: &Context, wrong: &mut FieldErrors) {
        if self.add.is_empty() && self.remove.is_empty() {
            wrong.add("add", field::REQUIRED);
        }
        repeated("add", &self.add, wrong);
        repeated("remove", &self.remove, wrong);
        for (at, _) in self.remove.iter().enumerate().filter(|(_, id)| self.add.contains(id)) {
            wrong.add_at(format!("/remove/{at}"), field::MISMATCH);
        }
    }
}

impl ContractOptionsInput {
    /// The given options after the change.
    pub fn applied(&self, to: &[OptionId]) -> Vec<OptionId> {
        let kept = to.iter().filter(|id| !self.remove.contains(id) && !self.add.contains(id));
        let mut after: Vec<OptionId> = kept.chain(&self.add).copied().collect();
        after.sort_unstable();
        after
    }
}

/// An option of a contract.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "option_id": 2, "code": "DATA10", "name": "Ещё 10 ГБ", "kind": "data", "amount": "10.00", "monthly_fee": "150.00",
    "is_in_force": true, "is_in_next_period": true, "added_at": "2026-01-15T09:41:00Z", "added_by": "operator"
}))]
pub struct ContractOption {
    /// The option.
    pub option_id: OptionId,
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// What it provides.
    pub kind: OptionKind,
    /// The amount per period; null for a service.
    pub amount: Option<Quantity>,
    /// What it adds to the price of a period that begins today; a running period keeps its own price.
    pub monthly_fee: Money,
    /// Whether the contract has it now; if not, it starts with the next period.
    pub is_in_force: bool,
    /// Whether the contract has it in the next period; if not, it ends with the current period.
    pub is_in_next_period: bool,
    /// When it was added.
    pub added_at: DateTime<Utc>,
    /// Who added it.
    pub added_by: String,
}

/// The options of a contract have no filters.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ContractOptionFilter {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_and_leaving_options_keeps_the_others_and_takes_none_twice() {
        let ids = |ids: &[i64]| ids.iter().copied().map(OptionId::new).collect::<Vec<_>>();
        let change = ContractOptionsInput { add: ids(&[7, 2]), remove: ids(&[4]), when: When::Now };
        assert_eq!(change.applied(&ids(&[2, 3, 4])), ids(&[2, 3, 7]));
        assert_eq!(change.applied(&[]), ids(&[2, 7]));
    }
}
