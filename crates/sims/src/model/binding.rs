//! Bindings of SIM cards and numbers to contracts.

use chrono::{DateTime, Utc};
use kernel::id::{ContractId, CustomerId, NumberId, SimId};
use serde::Serialize;
use utoipa::ToSchema;

/// A time during which a SIM card and a number served a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({
    "id": 5, "sim_id": 12, "iccid": "8970199123456789012", "number_id": 31, "msisdn": "+79161234567", "contract_id": 7, "customer_id": 3,
    "bound_at": "2026-01-15T10:00:00Z", "unbound_at": "2026-03-01T12:00:00Z", "bound_why": "activation", "unbound_why": "lost"
}))]
pub struct SimBinding {
    /// The id.
    pub id: i64,
    /// The SIM card.
    pub sim_id: SimId,
    /// The ICCID of the card.
    pub iccid: String,
    /// The phone number's id.
    pub number_id: NumberId,
    /// The phone number.
    pub msisdn: String,
    /// The contract they served.
    pub contract_id: ContractId,
    /// The contract's subscriber at that time.
    pub customer_id: CustomerId,
    /// When the binding began.
    pub bound_at: DateTime<Utc>,
    /// When the binding ended; `null` while it is open.
    pub unbound_at: Option<DateTime<Utc>>,
    /// Why it began.
    pub bound_why: String,
    /// Why it ended.
    pub unbound_why: Option<String>,
}

/// A binding of a SIM card and its number to a contract that is not in the database yet.
#[derive(Clone, Debug)]
pub struct NewBinding {
    /// The SIM card.
    pub sim_id: SimId,
    /// The number it carried.
    pub number_id: NumberId,
    /// The contract it served.
    pub contract_id: ContractId,
    /// The contract's subscriber.
    pub customer_id: CustomerId,
    /// When it began.
    pub bound_at: DateTime<Utc>,
    /// Why it began.
    pub bound_why: String,
    /// When and why it ended, if it has.
    pub unbound: Option<(DateTime<Utc>, String)>,
}
