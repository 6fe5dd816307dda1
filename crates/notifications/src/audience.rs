//! The table of who is notified of which event, and by which channel.

use acl::Permission;
use database::EventKind;

use crate::model::Channel::{self, Email, InApp, Sms};

/// The staff who are notified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Staff {
    /// Nobody.
    Nobody,
    /// The assignee of the ticket; if it has none, everybody who may assign it.
    Assignee,
    /// Everybody with this permission.
    Holders(Permission),
}

/// Who is notified of events of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Audience {
    /// The permission required to see such events.
    pub permission: Permission,
    /// The channels for the subscriber.
    pub subscriber: &'static [Channel],
    /// The staff who are notified in the application.
    pub staff: Staff,
    /// The placeholders that messages of this kind know.
    pub placeholders: &'static [&'static str],
}

/// Who is notified of events of this kind.
pub const fn of(kind: EventKind) -> Audience {
    use EventKind as Kind;
    const MONEY: &[&str] = &["amount", "balance", "contract", "currency", "date", "name"];
    const CONTRACT: &[&str] = &["balance", "contract", "currency", "date", "hold", "name"];
    const SUSPENDED: &[&str] = &["balance", "contract", "currency", "date", "hold", "name", "to_pay"];
    const TICKET: &[&str] = &["category", "date", "due", "name", "priority", "status", "ticket"];
    const fn row(permission: Permission, subscriber: &'static [Channel], staff: Staff, placeholders: &'static [&'static str]) -> Audience {
        Audience { permission, subscriber, staff, placeholders }
    }
    const fn subscriber(permission: Permission, placeholders: &'static [&'static str]) -> Audience {
        row(permission, &[Email, Sms], Staff::Nobody, placeholders)
    }
    const fn nobody(permission: Permission) -> Audience {
        row(permission, &[], Staff::Nobody, &["date"])
    }
    match kind {
        Kind::CustomerCreated | Kind::CustomerChanged => nobody(Permission::CustomersRead),
        Kind::TariffCreated | Kind::TariffChanged | Kind::TariffDeleted => nobody(Permission::TariffsRead),
        Kind::OptionCreated | Kind::OptionChanged | Kind::OptionDeleted => nobody(Permission::TariffsRead),
        Kind::ContractCreated | Kind::ContractChanged | Kind::ContractDeleted => nobody(Permission::ContractsRead),
        Kind::SimCreated | Kind::SimChanged | Kind::SimDeleted => nobody(Permission::SimsRead),
        Kind::NumberCreated | Kind::NumberChanged => nobody(Permission::SimsRead),
        Kind::PaymentCharged | Kind::PaymentCorrected => nobody(Permission::PaymentsRead),
        Kind::TicketChanged | Kind::TicketDeleted => nobody(Permission::TicketsRead),
        Kind::PaymentReceived | Kind::PaymentRefunded => subscriber(Permission::PaymentsRead, MONEY),
        Kind::PaymentFailed => subscriber(Permission::PaymentsRead, &["amount", "contract", "currency", "date", "name", "reason"]),
        Kind::PeriodCharged => {
            let placeholders = &["amount", "balance", "contract", "currency", "date", "name", "period_end", "period_start"];
            subscriber(Permission::PaymentsRead, placeholders)
        }
        Kind::BalanceLow => subscriber(Permission::ContractsRead, &["balance", "contract", "currency", "date", "name", "threshold"]),
        Kind::ContractActivated | Kind::ContractResumed | Kind::ContractTerminated => subscriber(Permission::ContractsRead, CONTRACT),
        Kind::ContractSuspended => subscriber(Permission::ContractsRead, SUSPENDED),
        Kind::PromiseGranted | Kind::PromiseBroken => {
            subscriber(Permission::ContractsRead, &["amount", "balance", "contract", "currency", "date", "name", "until"])
        }
        Kind::PromiseKept => row(Permission::ContractsRead, &[], Staff::Nobody, &["amount", "contract", "date"]),
        Kind::SimStatusChanged => row(Permission::SimsRead, &[], Staff::Nobody, &["date", "status"]),
        Kind::TicketCreated => row(Permission::TicketsRead, &[Email], Staff::Assignee, TICKET),
        Kind::TicketAssigned => row(Permission::TicketsRead, &[], Staff::Assignee, TICKET),
        Kind::TicketStatusChanged => row(Permission::TicketsRead, &[Email], Staff::Nobody, TICKET),
        Kind::UserLocked => {
            let staff = Staff::Holders(Permission::UsersManage);
            row(Permission::UsersRead, &[], staff, &["date", "failures", "until", "username"])
        }
    }
}

/// Whether this channel carries this kind of event, and so has a template for it.
pub fn is_told(kind: EventKind, channel: Channel) -> bool {
    let audience = of(kind);
    match channel {
        Channel::InApp => audience.staff != Staff::Nobody,
        by => audience.subscriber.contains(&by),
    }
}

/// Every kind with each of its channels.
pub fn all_told() -> impl Iterator<Item = (EventKind, Channel)> {
    let pairs = EventKind::ALL.iter().flat_map(|kind| [Email, Sms, InApp].map(|channel| (*kind, channel)));
    pairs.filter(|(kind, channel)| is_told(*kind, *channel))
}

/// The kinds that a user with these permissions may see.
pub fn visible(may: impl Fn(Permission) -> bool) -> Vec<EventKind> {
    EventKind::ALL.iter().copied().filter(|kind| may(of(*kind).permission)).collect()
}
