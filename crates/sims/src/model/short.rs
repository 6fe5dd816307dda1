//! The short form of a SIM card, beside the records that name it.

use kernel::id::SimId;
use serde::Serialize;
use utoipa::ToSchema;

use super::{SimKind, SimStatus};

/// A SIM card in short form.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx_macros::FromRow)]
#[schema(example = json!({"id": 41, "iccid": "8970199123456789012", "msisdn": "+79161234567", "kind": "physical", "status": "active"}))]
pub struct SimShort {
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
