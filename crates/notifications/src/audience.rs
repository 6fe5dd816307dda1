//! Who is told of what, and by which channel: the one table of it (SPEC 10.1, 10.2).

use acl::Permission;
use database::EventKind;

use crate::model::Channel::{self, Email, InApp, Sms};

/// Which of the staff are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Staff {
    /// Nobody.
    Nobody,
    /// Whoever the ticket is given to; where it is given to nobody, all who may give it to somebody.
    Assignee,
    /// All who hold this permission.
    Holders(Permission),
}

/// Who is told of events of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Audience {
    /// What one must hold to see such events.
    pub permission: Permission,
    /// How the subscriber is told.
    pub subscriber: &'static [Channel],
    /// Who is told in the program.
    pub staff: Staff,
}

/// Who is told of events of this kind.
pub const fn of(kind: EventKind) -> Audience {
    use EventKind as Kind;
    const fn row(permission: Permission, subscriber: &'static [Channel], staff: Staff) -> Audience {
        Audience { permission, subscriber, staff }
    }
    match kind {
        Kind::PaymentReceived | Kind::PaymentFailed | Kind::PaymentRefunded | Kind::PeriodCharged => {
            row(Permission::PaymentsRead, &[Email, Sms], Staff::Nobody)
        }
        Kind::BalanceLow | Kind::ContractActivated | Kind::ContractSuspended | Kind::ContractResumed | Kind::ContractTerminated => {
            row(Permission::ContractsRead, &[Email, Sms], Staff::Nobody)
        }
        Kind::SimStatusChanged => row(Permission::SimsRead, &[], Staff::Nobody),
        Kind::TicketCreated => row(Permission::TicketsRead, &[Email], Staff::Assignee),
        Kind::TicketAssigned => row(Permission::TicketsRead, &[], Staff::Assignee),
        Kind::TicketStatusChanged => row(Permission::TicketsRead, &[Email], Staff::Nobody),
        Kind::UserLocked => row(Permission::UsersRead, &[], Staff::Holders(Permission::UsersManage)),
    }
}

/// Whether anybody is told of this by this channel, so that there is a template for it.
pub fn is_told(kind: EventKind, channel: Channel) -> bool {
    let audience = of(kind);
    match channel {
        Channel::InApp => audience.staff != Staff::Nobody,
        by => audience.subscriber.contains(&by),
    }
}

/// Every kind with each channel by which it is told of.
pub fn all_told() -> impl Iterator<Item = (EventKind, Channel)> {
    let pairs = EventKind::ALL.iter().flat_map(|kind| [Email, Sms, InApp].map(|channel| (*kind, channel)));
    pairs.filter(|(kind, channel)| is_told(*kind, *channel))
}

/// The kinds that somebody with these permissions may see.
pub fn visible(may: impl Fn(Permission) -> bool) -> Vec<EventKind> {
    EventKind::ALL.iter().copied().filter(|kind| may(of(*kind).permission)).collect()
}
