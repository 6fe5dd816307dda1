//! The short form of a contract, beside the records that name it.

use kernel::id::{ContractId, CustomerId};
use serde::Serialize;
use utoipa::ToSchema;

use super::ContractStatus;

/// A contract in short form.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({"id": 12, "number": "202601-7K3M9QXA", "customer_id": 7, "status": "active"}))]
pub struct ContractShort {
    /// The id.
    pub id: ContractId,
    /// The contract number.
    pub number: String,
    /// The subscriber.
    pub customer_id: CustomerId,
    /// The status.
    pub status: ContractStatus,
}
