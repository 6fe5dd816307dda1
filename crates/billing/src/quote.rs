//! The price of a tariff with options.

use acl::{Granted, perm};
use chrono::NaiveDate;
use database::Conn;
use kernel::{
    Money, Result,
    id::{OptionId, TariffId},
    money::Percent,
};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use tariffs::{TariffType, options::Wanted};
use utoipa::{IntoParams, ToSchema};

use crate::fees::fee;

/// The options and the discount of a quote.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct QuoteQuery {
    /// Ids of options, separated by commas, without duplicates; at most 50.
    #[serde(default, deserialize_with = "ids")]
    #[param(value_type = Option<String>, pattern = "^([1-9][0-9]{0,17}(,[1-9][0-9]{0,17}){0,49})?$", max_length = 1000)]
    pub options: Vec<OptionId>,
    /// Discount on the sum, 0 to 100; 0 by default.
    #[param(value_type = Option<String>, pattern = r"^([0-9]{1,2}(\.[0-9]{1,2})?|100(\.0{1,2})?)$")]
    pub discount: Option<Percent>,
}

fn ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<OptionId>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let mut ids: Vec<OptionId> = Vec::new();
    for part in text.split(',').filter(|_| !text.is_empty()) {
        let id = part.parse::<OptionId>().ok().filter(|id| id.get() > 0 && !ids.contains(id) && ids.len() < contracts::MOST_OPTIONS);
        ids.push(id.ok_or_else(|| D::Error::custom("not a list of ids"))?);
    }
    Ok(ids)
}

kernel::text_enum! {
    /// The kind of a quote line.
    pub enum LineKind {
        /// The tariff itself.
        Tariff = "tariff",
        /// An additional option.
        Option = "option",
    }
}

/// One line of a quote.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"kind": "option", "id": 2, "name": "Ещё 10 ГБ", "monthly_fee": "150.00"}))]
pub struct QuoteLine {
    /// The kind of the line.
    pub kind: LineKind,
    /// The id of the tariff or the option.
    #[schema(minimum = 1)]
    pub id: i64,
    /// Its name.
    pub name: String,
    /// The price per period.
    pub monthly_fee: Money,
}

/// The price of a period of a tariff with options, if it begins today.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "tariff_id": 3, "tariff_type": "prepaid", "effective_from": "2026-01-15",
    "lines": [
        {"kind": "tariff", "id": 3, "name": "Смарт", "monthly_fee": "650.00"},
        {"kind": "option", "id": 2, "name": "Ещё 10 ГБ", "monthly_fee": "150.00"}
    ],
    "subtotal": "800.00", "discount_percent": "10.00", "discount": "80.00", "total": "720.00"
}))]
pub struct Quote {
    /// The tariff.
    pub tariff_id: TariffId,
    /// Whether a period is paid at its start or at its end.
    pub tariff_type: TariffType,
    /// The day since when the tariff's prices are in force.
    pub effective_from: NaiveDate,
    /// The tariff, then the options by code.
    pub lines: Vec<QuoteLine>,
    /// The sum of the lines.
    pub subtotal: Money,
    /// The discount in percent.
    pub discount_percent: Percent,
    /// The amount of the discount.
    pub discount: Money,
    /// The price of a whole period: the subtotal less the discount, rounded half-even.
    pub total: Money,
}

/// Computes the price of a whole period of this tariff with these options, if it begins today.
///
/// Errors: `tariff_not_found`, `tariff_retired`, `not_found` in the field `options`, `option_retired`, `option_incompatible`,
/// `options_exclusive`, `amount_out_of_range`.
pub async fn quote(conn: &mut Conn, granted: &Granted<perm::TariffsRead>, id: TariffId, query: &QuoteQuery) -> Result<Quote> {
    let tariff = tariffs::get(conn, granted, id).await?.for_sale()?;
    tariffs::options::check(conn, id, Wanted::anew(&query.options)).await?;
    let options = tariffs::options::prices(conn, &query.options).await?;
    let discount_percent = query.discount.unwrap_or_default();
    let fees = || options.iter().map(|option| option.monthly_fee);
    let subtotal = fee(tariff.monthly_fee, fees(), Percent::default())?;
    let total = fee(tariff.monthly_fee, fees(), discount_percent)?;
    let first = QuoteLine { kind: LineKind::Tariff, id: id.get(), name: tariff.name, monthly_fee: tariff.monthly_fee };
    let others = options.iter().map(|option| QuoteLine {
        kind: LineKind::Option,
        id: option.id.get(),
        name: option.name.clone(),
        monthly_fee: option.monthly_fee,
    });
    Ok(Quote {
        tariff_id: id,
        tariff_type: tariff.tariff_type,
        effective_from: tariff.effective_from,
        lines: [first].into_iter().chain(others).collect(),
        subtotal,
        discount_percent,
        discount: subtotal.subtract(total)?,
        total,
    })
}
