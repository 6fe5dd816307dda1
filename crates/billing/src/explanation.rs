//! Why a charge is what it is: the periods of a contract with the terms that were kept with them.

use acl::{Granted, perm};
use chrono::{DateTime, NaiveDate, Utc};
use database::{Conn, Page, Paging, page::ListSpec};
use kernel::{
    Money, Result,
    id::{BillingRunId, ContractId, Id, OptionId, PaymentId, TariffId, TariffVersionId},
    money::Percent,
};
use payments::{Payment, PaymentStatus, TransactionType};
use serde::{Deserialize, Serialize};
use tariffs::TariffType;
use utoipa::{IntoParams, ToSchema};

use crate::{
    fees::{OptionFee, OptionFees},
    store::explanations as store,
};

/// The sort orders of a contract's periods.
pub const PERIODS: ListSpec = store::PERIODS;

/// Refusals about explanations.
pub mod refusal {
    kernel::codes! {
        /// The transaction is not a charge.
        NOT_A_CHARGE = Conflict "payment_not_a_charge";
    }
}

/// The id of a period.
pub type PeriodId = Id<Period>;

/// A billing period of a contract, with the terms that were kept when it began.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 90, "contract_id": 12, "period_start": "2026-01-15", "period_end": "2026-02-15", "ended_on": null, "tariff_id": 3,
    "tariff_version_id": 8, "option_fees": [{"option_id": 2, "monthly_fee": "100.00"}], "discount_percent": "10.00", "whole_fee": "630.00",
    "whole_days": 31, "fee": "630.00", "charged_days": 31, "credited": "0.00", "payment_id": 102, "charged_at": "2026-01-15T09:41:00Z",
    "billing_run_id": null
}))]
pub struct Period {
    /// The id.
    pub id: PeriodId,
    /// The contract.
    pub contract_id: ContractId,
    /// The first day.
    pub period_start: NaiveDate,
    /// The day after the last day.
    pub period_end: NaiveDate,
    /// The day on which it ended early, by a change or by termination.
    pub ended_on: Option<NaiveDate>,
    /// The tariff.
    pub tariff_id: TariffId,
    /// The version of the tariff with its prices.
    pub tariff_version_id: TariffVersionId,
    /// The options that it is charged for, with their fees at the start of the period.
    #[schema(value_type = Vec<OptionFee>)]
    pub option_fees: OptionFees,
    /// The discount in `whole_fee`; null for periods that began before it was kept.
    pub discount_percent: Option<Percent>,
    /// The fee of a whole period, less the discount.
    pub whole_fee: Money,
    /// The days of a whole period; more than its own days if it is the rest of a period that a change cut.
    pub whole_days: i64,
    /// The charged amount; null until it is charged.
    pub fee: Option<Money>,
    /// The days that were charged; null until it is charged.
    pub charged_days: Option<i64>,
    /// The amount that was credited when a change cut the period.
    pub credited: Money,
    /// The charge, if the amount is not zero.
    pub payment_id: Option<PaymentId>,
    /// When it was charged.
    pub charged_at: Option<DateTime<Utc>>,
    /// The billing run that charged it; null if something else did, such as a payment or an activation.
    pub billing_run_id: Option<BillingRunId>,
}

/// Why a charge is what it is. For a charge without a period, and for one that was credited in full because a change replaced its
/// period on the same day, `period` and all terms are null.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "payment_id": 102, "contract_id": 12, "amount": "630.00", "description": "2026-01-15 – 2026-02-14", "charged_by": "operator",
    "period": {
        "id": 90, "contract_id": 12, "period_start": "2026-01-15", "period_end": "2026-02-15", "ended_on": null, "tariff_id": 3,
        "tariff_version_id": 8, "option_fees": [{"option_id": 2, "monthly_fee": "100.00"}], "discount_percent": "10.00",
        "whole_fee": "630.00", "whole_days": 31, "fee": "630.00", "charged_days": 31, "credited": "0.00", "payment_id": 102,
        "charged_at": "2026-01-15T09:41:00Z", "billing_run_id": null
    },
    "tariff": {"id": 3, "name": "Смарт", "effective_from": "2026-01-01", "tariff_type": "prepaid", "monthly_fee": "600.00"},
    "options": [{"id": 2, "code": "ROAM", "name": "Роуминг", "monthly_fee": "100.00"}],
    "full_price": "700.00", "discount": "70.00", "credits": [], "net_amount": "630.00"
}))]
pub struct ChargeExplanation {
    /// The charge.
    pub payment_id: PaymentId,
    /// The contract.
    pub contract_id: ContractId,
    /// The charged amount: `whole_fee` of the period × `charged_days` ÷ `whole_days`, rounded half-even.
    pub amount: Money,
    /// What the transaction is for.
    pub description: Option<String>,
    /// Who or what made the charge.
    pub charged_by: Option<String>,
    /// The period.
    pub period: Option<Period>,
    /// The tariff with the prices of the period.
    pub tariff: Option<ExplainedTariff>,
    /// The options with their fees at the start of the period.
    pub options: Vec<ExplainedOption>,
    /// The tariff and the options for a whole period, before the discount.
    pub full_price: Option<Money>,
    /// What the discount takes from `full_price`.
    pub discount: Option<Money>,
    /// Corrections that credited a part of the charge.
    pub credits: Vec<ChargeCredit>,
    /// The charged amount less the credits.
    pub net_amount: Money,
}

/// The tariff of a charge, with the prices of its period.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": 3, "name": "Смарт", "effective_from": "2026-01-01", "tariff_type": "prepaid", "monthly_fee": "600.00"}))]
pub struct ExplainedTariff {
    /// The tariff.
    pub id: TariffId,
    /// Its present name.
    pub name: String,
    /// The first day of these prices.
    pub effective_from: NaiveDate,
    /// Whether the period is charged when it begins or when it ends.
    pub tariff_type: TariffType,
    /// The tariff's fee for a whole period.
    pub monthly_fee: Money,
}

/// An option of a charge.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": 2, "code": "ROAM", "name": "Роуминг", "monthly_fee": "100.00"}))]
pub struct ExplainedOption {
    /// The option.
    pub id: OptionId,
    /// Its present code.
    pub code: String,
    /// Its present name.
    pub name: String,
    /// Its fee in this period.
    pub monthly_fee: Money,
}

/// A correction that credits a part of a charge.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({"payment_id": 110, "amount": "210.00", "description": "2026-02-04 – 2026-02-14", "created_at": "2026-02-04T10:00:00Z"}))]
pub struct ChargeCredit {
    /// The correction.
    pub payment_id: PaymentId,
    /// How much was credited.
    pub amount: Money,
    /// The days that were credited.
    pub description: Option<String>,
    /// When it was credited.
    pub created_at: DateTime<Utc>,
}

/// The list of a contract's periods has no filters.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PeriodFilter {}

/// Lists the periods of a contract. Errors: `contract_not_found`.
pub async fn periods(conn: &mut Conn, _: &Granted<perm::PaymentsRead>, id: ContractId, paging: &Paging) -> Result<Page<Period>> {
    contracts::exists(conn, id).await?;
    store::list(conn, id, paging).await
}

/// Explains a charge. Errors: `payment_not_found`, `payment_not_a_charge`.
pub async fn explain(conn: &mut Conn, granted: &Granted<perm::PaymentsRead>, id: PaymentId) -> Result<ChargeExplanation> {
    let payment = payments::get(conn, granted, id).await?;
    if payment.transaction_type != TransactionType::Charge || payment.status != PaymentStatus::Success {
        return Err(refusal::NOT_A_CHARGE.into());
    }
    let credits = store::credits(conn, id).await?;
    let credited = credits.iter().try_fold(Money::ZERO, |sum, credit| sum.add(credit.amount))?;
    let explanation = plain(payment, credits, credited)?;
    match store::of_charge(conn, id).await? {
        Some(period) => with_terms(conn, explanation, period).await,
        None => Ok(explanation),
    }
}

/// An explanation without terms.
fn plain(payment: Payment, credits: Vec<ChargeCredit>, credited: Money) -> Result<ChargeExplanation> {
    Ok(ChargeExplanation {
        payment_id: payment.id,
        contract_id: payment.contract_id,
        amount: payment.amount,
        net_amount: payment.amount.subtract(credited)?,
        description: payment.description,
        charged_by: payment.processed_by,
        period: None,
        tariff: None,
        options: Vec::new(),
        full_price: None,
        discount: None,
        credits,
    })
}

async fn with_terms(conn: &mut Conn, explanation: ChargeExplanation, period: Period) -> Result<ChargeExplanation> {
    let version = tariffs::version_by_id(conn, period.tariff_version_id).await?;
    let name = tariffs::peek(conn, version.tariff_id).await?.map(|tariff| tariff.name).unwrap_or_default();
    let ids: Vec<OptionId> = period.option_fees.0.iter().map(|fee| fee.option_id).collect();
    let known = tariffs::options::prices(conn, &ids).await?;
    let options = known.into_iter().filter_map(|option| {
        let fee = period.option_fees.0.iter().find(|fee| fee.option_id == option.id)?;
        Some(ExplainedOption { id: option.id, code: option.code, name: option.name, monthly_fee: fee.monthly_fee })
    });
    let full_price = period.option_fees.fees().try_fold(version.monthly_fee, Money::add)?;
    Ok(ChargeExplanation {
        tariff: Some(ExplainedTariff {
            id: version.tariff_id,
            name,
            effective_from: version.effective_from,
            tariff_type: version.tariff_type,
            monthly_fee: version.monthly_fee,
        }),
        options: options.collect(),
        full_price: Some(full_price),
        discount: Some(full_price.subtract(period.whole_fee)?),
        period: Some(period),
        ..explanation
    })
}
