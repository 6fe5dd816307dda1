//! Statistics of SIM cards and numbers.

use serde::Serialize;
use utoipa::ToSchema;

use super::NumberStatus;

/// Statistics of SIM cards and numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "total": 1204, "by_status": {"free": 200, "active": 950, "suspended": 30, "blocked": 4, "closed": 20}, "by_kind": {"physical": 1000, "esim": 204},
    "free_with_number": 180, "numbers": {"available": 300, "reserved": 5, "assigned": 984, "quarantined": 12, "ported_out": 3}
}))]
pub struct SimStatistics {
    /// All SIM cards, including closed ones.
    pub total: i64,
    /// All SIM cards by status.
    pub by_status: SimsByStatus,
    /// All SIM cards by kind.
    pub by_kind: SimsByKind,
    /// Free SIM cards that carry a number and so can be activated.
    pub free_with_number: i64,
    /// Phone numbers by status; an expired reservation or quarantine counts as available.
    pub numbers: NumbersByStatus,
}

/// SIM cards by status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct SimsByStatus {
    /// Available for a contract.
    pub free: i64,
    /// Serving a contract.
    pub active: i64,
    /// Suspended with their contracts.
    pub suspended: i64,
    /// Blocked by an operator.
    pub blocked: i64,
    /// Closed permanently.
    pub closed: i64,
}

/// SIM cards by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct SimsByKind {
    /// Plastic cards.
    pub physical: i64,
    /// Profiles in devices.
    pub esim: i64,
}

/// Phone numbers by status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct NumbersByStatus {
    /// Not assigned.
    pub available: i64,
    /// Reserved until a time.
    pub reserved: i64,
    /// Assigned to contracts.
    pub assigned: i64,
    /// In quarantine after their last contracts.
    pub quarantined: i64,
    /// Ported out to other operators.
    pub ported_out: i64,
}

impl NumbersByStatus {
    /// The count of this status.
    pub(crate) fn of(&mut self, status: NumberStatus) -> &mut i64 {
        match status {
            NumberStatus::Available => &mut self.available,
            NumberStatus::Reserved => &mut self.reserved,
            NumberStatus::Assigned => &mut self.assigned,
            NumberStatus::Quarantined => &mut self.quarantined,
            NumberStatus::PortedOut => &mut self.ported_out,
        }
    }
}
