//! A contract as `GET` of one contract returns it: with short forms of related records, and its refundable balance.

use chrono::{DateTime, Utc};
use customers::{CustomerNames, CustomerShort, CustomerStatus};
use kernel::{Money, id::ContractId};
use serde::Serialize;
use sims::{SimKind, SimShort, SimStatus};
use tariffs::{TariffShort, TariffType};
use utoipa::ToSchema;

use crate::model::{Contract, ContractStatus, HoldReason};

/// A contract with its subscriber, its tariff, its SIM and its holds.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": 12, "number": "202601-7K3M9QXA", "customer_id": 7, "tariff_id": 3, "sim_id": 41, "status": "suspended", "signed_date": "2026-01-15",
    "activation_date": "2026-01-15", "termination_date": null, "balance": "400.00", "credit_limit": "0.00", "promised_credit": "0.00",
    "is_promise_broken": false, "total_charged": "600.00", "discount_percent": "0.00", "next_billing_date": "2026-02-15", "billing_day": 15,
    "holds": ["request"], "options": [2], "next_tariff_id": null, "next_options": [2], "notes": null,
    "created_at": "2026-01-15T09:40:00Z", "updated_at": "2026-01-20T09:40:00Z", "version": 4,
    "customer": {"id": 7, "full_name": "Иванов Пётр Сергеевич", "short_name": "Иванов П. С.", "phone": "+79161234567", "status": "active"},
    "tariff": {"id": 3, "name": "Смарт", "tariff_type": "prepaid", "monthly_fee": "650.00", "is_active": true},
    "sim": {"id": 41, "iccid": "8970199123456789012", "msisdn": "+79161234567", "kind": "physical", "status": "suspended"},
    "hold_details": [{"reason": "request", "note": "на время отпуска", "placed_at": "2026-01-20T09:40:00Z", "placed_by": "operator"}],
    "refundable_balance": null, "payout_balance": null
}))]
pub struct ContractDetails {
    /// The contract itself.
    #[serde(flatten)]
    pub contract: Contract,
    /// The subscriber, in short.
    pub customer: CustomerShort,
    /// The tariff, in short.
    pub tariff: TariffShort,
    /// The SIM, in short.
    pub sim: Option<SimShort>,
    /// The active holds, each with its time and reason.
    pub hold_details: Vec<Hold>,
    /// The amount that refunds of payments can give back after termination: at most the balance; null before.
    pub refundable_balance: Option<Money>,
    /// The amount that payouts can give back after termination: all that is left on the balance; null before.
    pub payout_balance: Option<Money>,
}

/// An active hold.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({"reason": "request", "note": "на время отпуска", "placed_at": "2026-01-20T09:40:00Z", "placed_by": "operator"}))]
pub struct Hold {
    /// Why the contract is on hold.
    pub reason: HoldReason,
    /// A note on the hold.
    pub note: Option<String>,
    /// When the hold was placed.
    pub placed_at: DateTime<Utc>,
    /// Who placed it.
    pub placed_by: String,
}

/// When a contract was on hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx_macros::FromRow)]
pub struct HoldTime {
    /// The contract.
    pub contract_id: ContractId,
    /// When the hold was placed.
    pub placed_at: DateTime<Utc>,
    /// When the hold was lifted; none while it lasts.
    pub lifted_at: Option<DateTime<Utc>>,
}

/// From when on the holds of a contract are read.
#[derive(Clone, Copy, Debug)]
pub struct HoldsSince {
    /// The contract.
    pub contract_id: ContractId,
    /// Holds that were lifted before this moment are left out.
    pub since: DateTime<Utc>,
}

/// A contract and its related records, as one statement reads them.
#[derive(sqlx_macros::FromRow)]
pub struct DetailsRow {
    #[sqlx(flatten)]
    contract: Contract,
    #[sqlx(flatten)]
    customer_names: CustomerNames,
    customer_phone: String,
    customer_status: CustomerStatus,
    tariff_name: String,
    tariff_type: TariffType,
    tariff_is_active: bool,
    monthly_fee: Option<Money>,
    iccid: Option<String>,
    msisdn: Option<String>,
    sim_kind: Option<SimKind>,
    sim_status: Option<SimStatus>,
    unrefunded: Option<Money>,
    refund_requested: Option<Money>,
}

impl DetailsRow {
    /// Converts the row into the response.
    pub fn shown(self, hold_details: Vec<Hold>) -> ContractDetails {
        let contract = self.contract;
        let sim = match (contract.sim_id, self.iccid, self.sim_kind, self.sim_status) {
            (Some(id), Some(iccid), Some(kind), Some(status)) => Some(SimShort { id, iccid, msisdn: self.msisdn, kind, status }),
            _ => None,
        };
        // gateways are about to take what they were asked to refund
        let requested = self.refund_requested.unwrap_or_default();
        let left = (contract.status == ContractStatus::Terminated).then(|| contract.balance.less_or_zero(requested));
        ContractDetails {
            customer: CustomerShort {
                id: contract.customer_id,
                full_name: self.customer_names.full_name(),
                short_name: self.customer_names.short_name(),
                phone: self.customer_phone,
                status: self.customer_status,
            },
            tariff: TariffShort {
                id: contract.tariff_id,
                name: self.tariff_name,
                tariff_type: self.tariff_type,
                monthly_fee: self.monthly_fee,
                is_active: self.tariff_is_active,
            },
            sim,
            hold_details,
            refundable_balance: left.zip(self.unrefunded).map(|(left, paid)| left.min(paid.less_or_zero(requested))),
            payout_balance: left,
            contract,
        }
    }
}
