//! SQL of what explains charges: the periods of a contract, and the credits of a charge.

use database::{
    Conn, Filter, Page, Paging, Sql,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{
    Result,
    id::{ContractId, PaymentId},
};

use crate::explanation::{ChargeCredit, Period};

/// The sort orders of a contract's periods.
pub const PERIODS: ListSpec = ListSpec {
    order_fields: &[OrderField { name: "period_start", column: "contract_periods.period_start", kind: KeyKind::Date }],
    default_order: "-period_start",
    id: "contract_periods.id",
    id_name: "id",
};

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT contract_periods.id, contract_periods.contract_id, contract_periods.period_start, contract_periods.period_end, ",
            "contract_periods.ended_on, tariff_versions.tariff_id, contract_periods.tariff_version_id, contract_periods.option_fees, ",
            "contract_periods.discount_percent, contract_periods.whole_fee, contract_periods.whole_days, contract_periods.fee, ",
            "contract_periods.charged_days, contract_periods.credited, contract_periods.payment_id, contract_periods.charged_at, ",
            "contract_periods.billing_run_id FROM contract_periods ",
            "JOIN tariff_versions ON tariff_versions.id = contract_periods.tariff_version_id",
            $tail
        )
    };
}

/// A page of the periods of a contract.
pub async fn list(conn: &mut Conn, id: ContractId, paging: &Paging) -> Result<Page<Period>> {
    let mut conditions = Filter::new(conn.engine());
    conditions.equal("contract_periods.contract_id", Some(id));
    paging.fetch(conn, select!(""), "contract_periods", conditions).await
}

/// The period that this charge is for, if it is still that period's charge.
pub async fn of_charge(conn: &mut Conn, charge: PaymentId) -> Result<Option<Period>> {
    Sql::new(select!(" WHERE contract_periods.payment_id = $1")).bind(charge).optional(conn).await
}

/// The corrections that credit a charge, the oldest first.
pub async fn credits(conn: &mut Conn, charge: PaymentId) -> Result<Vec<ChargeCredit>> {
    Sql::new(
        "SELECT payments.id AS payment_id, payments.amount, payments.description, payments.created_at FROM charge_credits \
         JOIN payments ON payments.id = charge_credits.credit_id WHERE charge_credits.charge_id = $1 ORDER BY payments.id",
    )
    .bind(charge)
    .all(conn)
    .await
}
