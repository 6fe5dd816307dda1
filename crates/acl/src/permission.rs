//! The table of permissions. It defines their names in JSON, their sentences, their default roles, and a type for each, which
//! [`Granted`](crate::Granted) carries: code that forgets to check a permission does not compile.

use std::{fmt, str::FromStr};

use kernel::text_enum;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

text_enum! {
    /// The roles that every installation has from the start.
    pub enum BuiltinRole {
        /// Holds every permission, always.
        Admin = "admin",
        /// Supervises work, money and reports.
        Supervisor = "supervisor",
        /// Serves subscribers.
        Operator = "operator",
        /// Views data and creates tickets.
        Employee = "employee",
    }
}

macro_rules! permissions {
    ($($name:ident = $wire:literal, [$($role:ident),+], $sentence:literal;)+) => {
        /// A permission of a caller.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Permission {
            $(#[doc = $sentence] $name),+
        }

        impl Permission {
            /// Every permission, in the table's order.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name, in the form `resource:action`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire),+ }
            }

            /// What the permission allows, in English; the locale files have the other languages.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence),+ }
            }

            /// The built-in roles that have the permission from the start.
            pub const fn default_roles(self) -> &'static [BuiltinRole] {
                match self { $(Self::$name => &[$(BuiltinRole::$role),+]),+ }
            }
        }

        impl FromStr for Permission {
            type Err = ();

            fn from_str(wire: &str) -> Result<Self, ()> {
                match wire { $($wire => Ok(Self::$name),)+ _ => Err(()) }
            }
        }

        /// A type for each permission, for use in signatures.
        pub mod perm {
            $(
                #[doc = $sentence]
                #[derive(Clone, Copy, Debug)]
                pub enum $name {}

                impl super::PermissionType for $name {
                    const PERMISSION: super::Permission = super::Permission::$name;
                }
            )+
        }
    };
}

permissions! {
    CustomersRead = "customers:read", [Admin, Supervisor, Operator, Employee], "See subscribers.";
    CustomersWrite = "customers:write", [Admin, Operator], "Create and change subscribers and their status.";
    CustomersDelete = "customers:delete", [Admin], "Archive subscribers.";
    CustomersMerge = "customers:merge", [Admin, Supervisor], "Merge duplicate subscribers.";
    CustomersPii = "customers:pii", [Admin, Supervisor, Operator], "See personal data unmasked.";
    CustomersImport = "customers:import", [Admin, Operator], "Import subscribers from files.";
    CustomersExport = "customers:export", [Admin, Supervisor], "Export subscribers to files.";
    SimsRead = "sims:read", [Admin, Supervisor, Operator, Employee], "See SIM cards and numbers.";
    SimsWrite = "sims:write", [Admin, Operator], "Create and change SIM cards and numbers.";
    SimsStatus = "sims:status", [Admin, Operator], "Block, unblock, close and deactivate SIM cards.";
    SimsDelete = "sims:delete", [Admin], "Delete SIM cards that never were bound.";
    SimsPuk = "sims:puk", [Admin, Operator], "See PUK codes.";
    SimsImport = "sims:import", [Admin, Operator], "Import SIM cards from files.";
    SimsExport = "sims:export", [Admin, Supervisor], "Export SIM cards to files.";
    TariffsRead = "tariffs:read", [Admin, Supervisor, Operator, Employee], "See tariffs and options.";
    TariffsWrite = "tariffs:write", [Admin, Supervisor], "Create, change and retire tariffs and options.";
    TariffsDelete = "tariffs:delete", [Admin], "Delete tariffs that no contract used.";
    TariffsExport = "tariffs:export", [Admin, Supervisor], "Export tariffs to files.";
    ContractsRead = "contracts:read", [Admin, Supervisor, Operator, Employee], "See contracts.";
    ContractsWrite = "contracts:write", [Admin, Operator], "Draw up and change contracts, swap SIM cards.";
    ContractsActivate = "contracts:activate", [Admin, Operator], "Activate contracts.";
    ContractsHold = "contracts:hold", [Admin, Supervisor, Operator], "Suspend and resume contracts.";
    ContractsTerminate = "contracts:terminate", [Admin, Supervisor], "Terminate contracts.";
    ContractsCredit = "contracts:credit", [Admin], "Grant credit limits and discounts above the usual bounds.";
    ContractsExport = "contracts:export", [Admin, Supervisor], "Export contracts to files.";
    PaymentsRead = "payments:read", [Admin, Supervisor, Operator, Employee], "See payments and charges.";
    PaymentsTake = "payments:take", [Admin, Operator], "Take, process, fail and cancel payments.";
    PaymentsRefund = "payments:refund", [Admin, Supervisor], "Refund payments.";
    PaymentsCorrect = "payments:correct", [Admin, Supervisor], "Correct balances.";
    PaymentsReconcile = "payments:reconcile", [Admin, Supervisor], "Reconcile settlement files.";
    PaymentsExport = "payments:export", [Admin, Supervisor], "Export payments to files.";
    BillingRead = "billing:read", [Admin, Supervisor, Operator], "See billing runs and previews.";
    BillingRun = "billing:run", [Admin], "Start billing runs.";
    TicketsRead = "tickets:read", [Admin, Supervisor, Operator, Employee], "See tickets.";
    TicketsWrite = "tickets:write", [Admin, Supervisor, Operator, Employee], "Create and change tickets, comment and attach files.";
    TicketsWork = "tickets:work", [Admin, Supervisor, Operator], "Work on tickets and solve them.";
    TicketsAssign = "tickets:assign", [Admin, Supervisor], "Assign tickets and edit the canned answers.";
    TicketsDelete = "tickets:delete", [Admin], "Delete tickets.";
    TicketsExport = "tickets:export", [Admin, Supervisor], "Export tickets to files.";
    ReportsRead = "reports:read", [Admin, Supervisor], "See reports, the dashboard and statistics.";
    NotificationsRead = "notifications:read", [Admin, Supervisor, Operator], "See notifications.";
    NotificationsManage = "notifications:manage", [Admin], "Retry notifications and edit their templates.";
    WebhooksManage = "webhooks:manage", [Admin], "Manage outgoing webhooks.";
    UsersRead = "users:read", [Admin, Supervisor], "See staff users and roles.";
    UsersManage = "users:manage", [Admin], "Create, change, block and delete staff users.";
    RolesManage = "roles:manage", [Admin], "Edit what roles may do.";
    AuditRead = "audit:read", [Admin, Supervisor], "See and verify the audit trail.";
    SystemManage = "system:manage", [Admin], "Manage the system itself.";
}

/// A permission as a type.
pub trait PermissionType: 'static {
    /// The permission that the type represents.
    const PERMISSION: Permission;
}

impl Permission {
    /// The name of its sentence in the locale files.
    pub fn message(self) -> String {
        format!("permission-{}", self.as_str().replace(':', "-"))
    }

    const fn bit(self) -> u64 {
        1 << (self as u64)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Permission {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Permission {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(|()| serde::de::Error::custom(kernel::error::field::UNKNOWN_PERMISSION))
    }
}

impl PartialSchema for Permission {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Self::ALL.iter().map(|permission| permission.as_str()))).into()
    }
}

impl ToSchema for Permission {}

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PermissionSet(u64);

const _: () = assert!(Permission::ALL.len() <= 64, "a PermissionSet has 64 places");

impl PermissionSet {
    /// The set of all permissions.
    pub fn all() -> Self {
        Permission::ALL.iter().copied().collect()
    }

    /// Whether the set contains this permission.
    pub const fn has(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    /// The permissions that are in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The permissions that are in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The permissions that are in this set and not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The permissions, in the table's order.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.has(*permission))
    }

    /// The stored form: names, separated by blanks.
    pub fn words(self) -> String {
        self.iter().map(Permission::as_str).collect::<Vec<_>>().join(" ")
    }

    /// Reads the stored form; a name that this version does not know allows nothing.
    pub fn of_words(words: &str) -> Self {
        words.split(' ').filter_map(|word| word.parse::<Permission>().ok()).collect()
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().fold(0, |set, permission| set | permission.bit()))
    }
}
