//! A gateway for tests and demonstrations: no money moves, and its behavior depends only on the amount.
//!
//! The last two digits of the amount, the kopecks, select the behavior:
//!
//! | ends in | link request | status request |
//! |---|---|---|
//! | `.01` | a link | declined by the bank |
//! | `.02` | a link | never paid |
//! | `.03` | a link | always processing |
//! | `.04` | refused | unknown |
//! | `.05` | no response and no action | unknown |
//! | `.06` | action, but the response is lost | paid |
//! | `.07` | a link | paid, one kopeck less |
//! | `.08` | a link | paid, in another currency |
//! | `.09` | a link | no response |
//! | anything else | a link | paid |
//!
//! The amount of a refund also selects its behavior: `.11` is refused, `.12` succeeds but loses its first response, `.13` is pending at
//! the first request and done at the next, `.14` never gets a response; any other is done at once.

use kernel::Money;

use super::{Asking, Created, Gateway, Keys, Order, RefundOrder, Refunding, ReportedState, Trouble};

/// The name of the gateway.
pub const NAME: &str = "sandbox";

/// The gateway for tests and demonstrations.
#[derive(Clone, Debug)]
pub struct Sandbox {
    keys: Keys,
}

impl Sandbox {
    /// Creates a sandbox whose events are signed with these keys.
    pub fn new(keys: Keys) -> Self {
        Self { keys }
    }

    fn created(order: &Order) -> Created {
        Created { id: format!("sbx-{}", order.reference), link: format!("https://sandbox.invalid/pay/{}", order.reference) }
    }
}

fn script(amount: Money) -> i64 {
    amount.minor() % 100
}

fn away() -> Trouble {
    Trouble::Away("the sandbox gives no response for this amount".to_owned())
}

impl Gateway for Sandbox {
    fn name(&self) -> &'static str {
        NAME
    }

    fn keys(&self) -> &Keys {
        &self.keys
    }

    fn create<'a>(&'a self, order: &'a Order) -> Asking<'a, Created> {
        let answer = match script(order.amount) {
            4 => Err(Trouble::Refused("amount not accepted".to_owned())),
            5 | 6 => Err(away()),
            _ => Ok(Self::created(order)),
        };
        Box::pin(std::future::ready(answer))
    }

    fn ask<'a>(&'a self, order: &'a Order) -> Asking<'a, ReportedState> {
        let answer = match script(order.amount) {
            1 => Ok(ReportedState::Failed("declined by the bank".to_owned())),
            2 => Ok(ReportedState::Pending(Some(Self::created(order)))),
            3 => Ok(ReportedState::Processing),
            4 | 5 => Ok(ReportedState::Unknown),
            7 => Money::from_minor(order.amount.minor() - 1)
                .map(|less| ReportedState::Succeeded(less, order.currency.to_owned()))
                .map_err(|error| Trouble::Away(error.to_string())),
            8 => Ok(ReportedState::Succeeded(order.amount, if order.currency == "USD" { "EUR" } else { "USD" }.to_owned())),
            9 => Err(away()),
            _ => Ok(ReportedState::Succeeded(order.amount, order.currency.to_owned())),
        };
        Box::pin(std::future::ready(answer))
    }

    fn refund<'a>(&'a self, order: &'a RefundOrder) -> Asking<'a, Refunding> {
        let done = || Ok(Refunding::Done(format!("sbx-refund-{}", order.reference)));
        let answer = match (script(order.amount), order.attempts) {
            (11, _) => Err(Trouble::Refused("the card is closed".to_owned())),
            (12, 0) | (14, _) => Err(away()),
            (13, 0) => Ok(Refunding::Pending),
            _ => done(),
        };
        Box::pin(std::future::ready(answer))
    }
}
