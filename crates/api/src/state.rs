//! What every request shares. Nothing in it may differ between instances for longer than a request (SPEC 15).

use std::{net::IpAddr, sync::Arc, time::Duration};

use acl::{Access, Seals, audit::ReadLog};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use kernel::{Clock, Context, Error, Origin, Result, db::Db};
use tokio::sync::watch;

use crate::{couriers::Couriers, files::Files, gateways::Gateways, runs::Runs, settings::Settings, streams::Streams};

/// The program's parts, made once.
pub struct State {
    /// The database.
    pub db: Db,
    /// Who may do what.
    pub access: Access,
    /// Reads of unmasked personal data, on their way to the audit trail.
    pub reads: ReadLog,
    /// What is attached to tickets.
    pub files: Files,
    /// Payment gateways.
    pub gateways: Gateways,
    /// The time.
    pub clock: Clock,
    /// What was set.
    pub settings: Settings,
    /// Billing runs that this instance is to work on.
    pub runs: Runs,
    /// Seals stored answers and the secrets of webhooks.
    pub seals: Seals,
    /// What messages and webhooks leave by.
    pub couriers: Couriers,
    /// Streams of events to staff.
    pub streams: Streams,
    stopping: watch::Sender<bool>,
    sign_ins: DefaultKeyedRateLimiter<IpAddr>,
}

impl State {
    /// Puts the parts together.
    pub fn new(db: Db, access: Access, files: Files, clock: Clock, settings: Settings, seals: Seals) -> Result<Arc<Self>> {
        let sign_ins = RateLimiter::keyed(Quota::per_minute(settings.sign_ins_per_minute));
        let gateways = Gateways::open(&settings.gateways)?;
        let couriers = Couriers::new(&settings, seals.clone())?;
        let streams = Streams::new(settings.telling.streams);
        let (reads, runs, stopping) = (ReadLog::default(), Runs::default(), watch::channel(false).0);
        Ok(Arc::new(Self { db, access, reads, files, gateways, clock, settings, runs, seals, couriers, streams, stopping, sign_ins }))
    }

    /// Tells all that runs without end to come to one.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Whether the program is to stop.
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Hears of it when the program is to stop.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Waits a while, or less when the program is to stop.
    pub async fn stopping_within(&self, pause: Duration) {
        let mut stopping = self.stopping.subscribe();
        // whether it is told or not: whoever waited looks again
        let _ = tokio::time::timeout(pause, stopping.wait_for(|stop| *stop)).await;
    }

    /// The surroundings of a use case that begins now.
    pub fn context(&self, origin: Origin) -> Context {
        Context { now: self.clock.now(), policy: self.settings.policy.clone(), origin }
    }

    /// Whether forwarded-for headers from this address count.
    pub fn is_trusted_proxy(&self, address: IpAddr) -> bool {
        self.settings.trusted_proxies.iter().any(|network| network.contains(&address))
    }

    /// Counts a try to sign in. Errors: `sign_in_rate_limited` when the address has tried too often.
    pub fn count_sign_in(&self, address: Option<IpAddr>) -> Result<()> {
        let Some(address) = address else { return Ok(()) };
        self.sign_ins.check_key(&address).map_err(|until| {
            let wait = until.wait_time_from(governor::clock::Clock::now(&governor::clock::DefaultClock::default()));
            Error::new(acl::refusal::SIGN_IN_RATE_LIMITED).retry_after(wait.as_secs() + 1)
        })
    }

    /// Forgets addresses that have not tried for a while.
    pub fn forget_old_sign_ins(&self) {
        self.sign_ins.retain_recent();
        self.sign_ins.shrink_to_fit();
    }
}
