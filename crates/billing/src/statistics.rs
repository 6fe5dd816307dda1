//! Statistics of tariffs: their contracts and revenue.

use acl::{Granted, perm};
use chrono::{DateTime, Datelike, NaiveTime, Utc};
use database::{
    Conn, Filter, Page, Paging,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{Context, Money, Result, Several, id::TariffId};
use serde::{Deserialize, Serialize};
use tariffs::TariffType;
use utoipa::{IntoParams, ToSchema};

/// The sort orders of tariff statistics.
pub const TARIFF_STATISTICS: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "name", column: "tariffs.name_order", kind: KeyKind::Name },
        OrderField { name: "contracts_count", column: "tariffs.contracts_count", kind: KeyKind::Int },
    ],
    default_order: "name",
    id: "tariffs.id",
    id_name: "id",
};

/// Which tariffs to include.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TariffStatisticsFilter {
    /// Only tariffs for sale, or only retired ones.
    pub is_active: Option<bool>,
    /// Only prepaid tariffs, or only postpaid ones.
    #[param(value_type = Option<Vec<TariffType>>)]
    pub tariff_type: Option<Several<TariffType>>,
}

/// The statistics of a tariff.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 3, "name": "Смарт", "tariff_type": "prepaid", "is_active": true, "contracts_count": 1204, "active_count": 1100,
    "suspended_count": 104, "monthly_revenue": "715000.00"
}))]
pub struct TariffStatistics {
    /// The tariff.
    pub id: TariffId,
    /// Its name.
    pub name: String,
    /// Whether a period is paid at its start or at its end.
    pub tariff_type: TariffType,
    /// Whether new contracts may use it.
    pub is_active: bool,
    /// Contracts with this tariff that are active or suspended.
    pub contracts_count: i64,
    /// The active ones of these contracts.
    pub active_count: i64,
    /// The suspended ones of these contracts.
    pub suspended_count: i64,
    /// The charges for periods of this tariff since the first of this month, less credits.
    pub monthly_revenue: Money,
}

/// Lists tariffs with their contracts and their revenue since the first of this month.
pub async fn tariff_statistics(
    conn: &mut Conn,
    _granted: &Granted<perm::ReportsRead>,
    filter: &TariffStatisticsFilter,
    paging: &Paging,
) -> Result<Page<TariffStatistics>> {
    let mut conditions = Filter::new(conn.engine());
    // the sum below uses $1; a statement that only counts must also mention it
    conditions.value("? IS NOT NULL", Some(first_of_month(conn.context())));
    conditions.equal("tariffs.is_active", filter.is_active);
    conditions.any("tariffs.tariff_type", filter.tariff_type.as_ref());
    let select = "SELECT tariffs.id, tariffs.name, tariffs.tariff_type, tariffs.is_active, tariffs.contracts_count, \
         tariffs.contracts_count - (SELECT COUNT(*) FROM contracts WHERE contracts.tariff_id = tariffs.id AND contracts.status = 'suspended') AS active_count, \
         (SELECT COUNT(*) FROM contracts WHERE contracts.tariff_id = tariffs.id AND contracts.status = 'suspended') AS suspended_count, \
         CAST(COALESCE((SELECT SUM(contract_periods.fee - contract_periods.credited) FROM tariff_versions \
         JOIN contract_periods ON contract_periods.tariff_version_id = tariff_versions.id AND contract_periods.charged_at >= $1 \
         WHERE tariff_versions.tariff_id = tariffs.id), 0) AS BIGINT) AS monthly_revenue FROM tariffs";
    paging.fetch(conn, select, "tariffs", conditions).await
}

/// The moment at which this month began in the operator's time zone.
fn first_of_month(context: &Context) -> DateTime<Utc> {
    let today = context.today();
    let first = today.with_day(1).unwrap_or(today).and_time(NaiveTime::MIN);
    first.and_local_timezone(context.policy.time_zone).earliest().map_or(first.and_utc(), |moment| moment.to_utc())
}
