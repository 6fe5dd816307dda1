//! How many SIM cards and numbers there are of each sort.

use serde::Serialize;
use utoipa::ToSchema;

use super::NumberStatus;

/// How many SIM cards and numbers there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({
    "total": 1204, "by_status": {"free": 200, "active": 950, "suspended": 30, "blocked": 4, "closed": 20}, "by_kind": {"physical": 1000, "esim": 204},
    "free_with_number": 180, "numbers": {"available": 300, "reserved": 5, "assigned": 984, "quarantined": 12, "ported_out": 3}
}))]
pub struct SimStatistics {
    /// All SIM cards, closed ones too.
    pub total: i64,
    /// The same by status.
    pub by_status: SimsByStatus,
    /// The same by kind.
    pub by_kind: SimsByKind,
    /// Free SIM cards that carry a number: ready to be activated.
    pub free_with_number: i64,
    /// Phone numbers by status, as they stand now.
    pub numbers: NumbersByStatus,
}

/// SIM cards by status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct SimsByStatus {
    /// Wait for a contract.
    pub free: i64,
    /// Serve a contract.
    pub active: i64,
    /// Suspended with their contracts.
    pub suspended: i64,
    /// Barred by an operator.
    pub blocked: i64,
    /// Done with for good.
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
    /// Nobody's.
    pub available: i64,
    /// Put aside until a time.
    pub reserved: i64,
    /// Contracts'.
    pub assigned: i64,
    /// At rest after their last contracts.
    pub quarantined: i64,
    /// With other operators.
    pub ported_out: i64,
}

impl NumbersByStatus {
    /// How many have this status.
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
