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
}

/// Who is notified of events of this kind.
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
