//! The requests about contracts.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use kernel::{
    Context, FieldErrors, Input, Money, Several,
    error::field,
    id::{CustomerId, OptionId, SimId, TariffId},
    money::{FeeInput, Percent, PercentInput},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::{
    history::HistoryKind,
    model::{ContractStatus, HoldReason},
};

/// A contract to create.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"customer_id": 7, "tariff_id": 3, "sim_id": 41, "options": [], "credit_limit": "0.00", "discount_percent": "0"}))]
pub struct ContractInput {
    /// The subscriber, who must be active.
    pub customer_id: CustomerId,
    /// The tariff, which must be active.
    pub tariff_id: TariffId,
    /// A free SIM; it can also be chosen at activation.
    pub sim_id: Option<SimId>,
    /// How far below zero the balance may go; 0 by default.
    #[schema(value_type = Option<FeeInput>)]
    pub credit_limit: Option<Money>,
    /// Options that are compatible with the tariff and with each other; none by default.
    #[serde(default)]
    #[validate(length(max = 50))]
    #[schema(max_items = 50)]
    pub options: Vec<OptionId>,
    /// Discount on every fee, 0 to 100; 0 by default.
    #[schema(value_type = Option<PercentInput>)]
    pub discount_percent: Option<Percent>,
    /// The signing date; today by default.
    pub signed_date: Option<NaiveDate>,
    /// Free notes.
    #[validate(length(max = 2000))]
    #[schema(max_length = 2000)]
    pub notes: Option<String>,
}

impl Input for ContractInput {
    fn check(&self, _: &Context, wrong: &mut FieldErrors) {
        if self.credit_limit.is_some_and(|limit| limit < Money::ZERO) {
            wrong.add("credit_limit", field::RANGE).with("min", "0.00").with("max", Money::MAX);
        }
        tariffs::repeated("options", &self.options, wrong);
        if self.signed_date.is_some_and(|date| !(2000..=2100).contains(&date.year())) {
            wrong.add("signed_date", field::RANGE).with("min", "2000-01-01").with("max", "2100-12-31");
        }
    }
}

/// How to activate a contract.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"sim_id": 41}))]
pub struct ActivateInput {
    /// A free SIM with a number; the SIM of the draft by default.
    pub sim_id: Option<SimId>,
}

impl Input for ActivateInput {}

kernel::text_enum! {
    /// The holds that staff place and lift.
    pub enum StaffHold {
        /// The subscriber asked for the hold.
        Request = "request",
        /// Fraud is suspected.
        Fraud = "fraud",
    }
}

impl From<StaffHold> for HoldReason {
    fn from(hold: StaffHold) -> Self {
        match hold {
            StaffHold::Request => Self::Request,
            StaffHold::Fraud => Self::Fraud,
        }
    }
}

/// How to suspend a contract.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "request", "note": "на время отпуска"}))]
pub struct SuspendInput {
    /// The hold to place.
    pub reason: StaffHold,
    /// A note on the hold.
    #[validate(length(max = 500))]
    #[schema(max_length = 500)]
    pub note: Option<String>,
}

impl Input for SuspendInput {}

/// Which hold to lift.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "request"}))]
pub struct ResumeInput {
    /// The hold to lift.
    pub reason: StaffHold,
}

impl Input for ResumeInput {}

/// How to terminate a contract.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "по заявлению абонента"}))]
pub struct TerminateInput {
    /// The reason, in free text.
    #[validate(length(min = 1, max = 500))]
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
    /// Whether the days of a prepaid period that were not used are credited: those after today, and those under a hold. `false` by default.
    #[serde(default)]
    pub refund_unused: bool,
}

impl Input for TerminateInput {}

/// Which contracts to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ContractFilter {
    /// Only with this status.
    #[param(value_type = Option<Vec<ContractStatus>>)]
    pub status: Option<Several<ContractStatus>>,
    /// Only of this subscriber.
    #[param(value_type = Option<Vec<CustomerId>>)]
    pub customer_id: Option<Several<CustomerId>>,
    /// Only with this tariff.
    #[param(value_type = Option<Vec<TariffId>>)]
    pub tariff_id: Option<Several<TariffId>>,
    /// Only with this active hold.
    #[param(value_type = Option<Vec<HoldReason>>)]
    pub hold: Option<Several<HoldReason>>,
    /// This balance or more.
    #[param(value_type = Option<String>, pattern = r"^-?[0-9]{1,11}(\.[0-9]{1,2})?$")]
    pub balance_min: Option<Money>,
    /// This balance or less.
    #[param(value_type = Option<String>, pattern = r"^-?[0-9]{1,11}(\.[0-9]{1,2})?$")]
    pub balance_max: Option<Money>,
    /// Created at this moment or later.
    pub created_at_after: Option<DateTime<Utc>>,
    /// Created at this moment or earlier.
    pub created_at_before: Option<DateTime<Utc>>,
    /// Signed on this day or later.
    pub signed_date_after: Option<NaiveDate>,
    /// Signed on this day or earlier.
    pub signed_date_before: Option<NaiveDate>,
    /// The next period begins on this day or later.
    pub next_billing_date_after: Option<NaiveDate>,
    /// The next period begins on this day or earlier.
    pub next_billing_date_before: Option<NaiveDate>,
    /// Part of the number, the subscriber's name, the MSISDN or the ICCID.
    #[param(max_length = 200)]
    pub search: Option<String>,
}

/// Which events of a contract to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryFilter {
    /// Only of this kind.
    #[param(value_type = Option<Vec<HistoryKind>>)]
    pub kind: Option<Several<HistoryKind>>,
    /// At this moment or later.
    pub at_after: Option<DateTime<Utc>>,
    /// At this moment or earlier.
    pub at_before: Option<DateTime<Utc>>,
}
