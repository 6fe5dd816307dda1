//! A contract as `GET` of one contract returns it: with short forms of related records, and its refundable balance.

use chrono::{DateTime, Utc};
use customers::{CustomerNames, CustomerStatus};
use kernel::{
    Money,
    id::{CustomerId, SimId, TariffId},
};
use serde::Serialize;
use sims::{SimKind, SimStatus};
use tariffs::TariffType;
use utoipa::ToSchema;

use crate::model::{Contract, ContractStatus, HoldReason};

/// A contract with its subscriber, its tariff, its SIM and its holds.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": 12, "number": "202601-7K3M9QXA", "customer_id": 7, "tariff_id": 3, "sim_id": 41, "status": "suspended", "signed_date": "2026-01-15",
    "activation_date": "2026-01-15", "termination_date": null, "balance": "400.00", "credit_limit": "0.00", "total_charged": "600.00",
    "discount_percent": "0.00", "next_billing_date": "2026-02-15", "billing_day": 15, "holds": ["request"], "notes": null,
    "created_at": "2026-01-15T09:40:00Z", "updated_at": "2026-01-20T09:40:00Z", "version": 4,
    "customer": {"id": 7, "full_name": "Иванов Пётр Сергеевич", "short_name": "Иванов П. С.", "phone": "+79161234567", "status": "active"},
    "tariff": {"id": 3, "name": "Смарт", "tariff_type": "prepaid", "monthly_fee": "650.00", "is_active": true},
    "sim": {"id": 41, "iccid": "8970199123456789012", "msisdn": "+79161234567", "kind": "physical", "status": "suspended"},
    "hold_details": [{"reason": "request", "note": "на время отпуска", "placed_at": "2026-01-20T09:40:00Z", "placed_by": "operator"}],
    "refundable_balance": null
}))]
pub struct ContractDetails {
    /// The contract itself.
    #[serde(flatten)]
    pub contract: Contract,
    /// The subscriber, in short.
    pub customer: ContractCustomer,
    /// The tariff, in short.
    pub tariff: ContractTariff,
    /// The SIM, in short.
    pub sim: Option<ContractSim>,
    /// The active holds, each with its time and reason.
    pub hold_details: Vec<Hold>,
    /// The amount left to refund to the subscriber after termination; null before.
    pub refundable_balance: Option<Money>,
}

/// The subscriber of a contract, in short form. It has no field that needs masking.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": 7, "full_name": "Иванов Пётр Сергеевич", "short_name": "Иванов П. С.", "phone": "+79161234567", "status": "active"}))]
pub struct ContractCustomer {
    /// The id.
    pub id: CustomerId,
    /// The organization's name, or family name, given name and patronymic.
    pub full_name: String,
    /// The organization's name, or family name and initials.
    pub short_name: String,
    /// Contact phone.
    pub phone: String,
    /// The subscriber's status.
    pub status: CustomerStatus,
}

/// The tariff of a contract, in short form.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": 3, "name": "Смарт", "tariff_type": "prepaid", "monthly_fee": "650.00", "is_active": true}))]
pub struct ContractTariff {
    /// The id.
    pub id: TariffId,
    /// The name.
    pub name: String,
    /// Whether a period is paid at its start or at its end.
    pub tariff_type: TariffType,
    /// The price of a period that begins today, before discount; null when no price is in force yet.
    pub monthly_fee: Option<Money>,
    /// Whether new contracts may use it.
    pub is_active: bool,
}

/// The SIM of a contract, in short form.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": 41, "iccid": "8970199123456789012", "msisdn": "+79161234567", "kind": "physical", "status": "active"}))]
pub struct ContractSim {
    /// The id.
    pub id: SimId,
    /// The ICCID of the card.
    pub iccid: String,
    /// The phone number of the card.
    pub msisdn: Option<String>,
    /// A physical card or an eSIM profile.
    pub kind: SimKind,
    /// The status of the card.
    pub status: SimStatus,
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
}

impl DetailsRow {
    /// Converts the row into the response.
    pub fn shown(self, hold_details: Vec<Hold>) -> ContractDetails {
        let contract = self.contract;
        let sim = match (contract.sim_id, self.iccid, self.sim_kind, self.sim_status) {
            (Some(id), Some(iccid), Some(kind), Some(status)) => Some(ContractSim { id, iccid, msisdn: self.msisdn, kind, status }),
            _ => None,
        };
        ContractDetails {
            customer: ContractCustomer {
                id: contract.customer_id,
                full_name: self.customer_names.full_name(),
                short_name: self.customer_names.short_name(),
                phone: self.customer_phone,
                status: self.customer_status,
            },
            tariff: ContractTariff {
                id: contract.tariff_id,
                name: self.tariff_name,
                tariff_type: self.tariff_type,
                monthly_fee: self.monthly_fee,
                is_active: self.tariff_is_active,
            },
            sim,
            hold_details,
            refundable_balance: (contract.status == ContractStatus::Terminated).then_some(contract.balance.max(Money::ZERO)),
            contract,
        }
    }
}
