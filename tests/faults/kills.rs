//! The program is killed at random moments while many clients work, and restarted.

use std::{cell::RefCell, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{Crowd, Effects, full};
use crate::program::{Place, Server, program};

/// The amount of work.
struct Scale {
    clients: usize,
    /// Operations of each client.
    each: usize,
    /// How often the server is killed.
    kills: usize,
}

const BOUNDED: Scale = Scale { clients: 50, each: 30, kills: 5 };
const FULL: Scale = Scale { clients: 50, each: 200, kills: 25 };

/// Long sessions, because clients cannot sign in again.
const SETTINGS: [(&str, &str); 2] = [("ACCESS_TOKEN_MINUTES", "1440"), ("LOG_LEVEL", "warn")];

/// Kills and restarts the server this many times, at random moments before all operations are done.
pub async fn kill_and_restart(
    place: &Place,
    server: &RefCell<Option<Server>>,
    settings: &[(&str, &str)],
    answered: impl Fn() -> usize,
    (total, kills): (usize, usize),
) {
    let mut random = StdRng::seed_from_u64(7);
    let bind = server.borrow().as_ref().unwrap().bind.clone();
    for kill in 0..kills {
        let when = total * (kill + 1) / (kills + 1);
        while answered() < when {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_micros(random.random_range(0..20_000))).await;
        server.take().unwrap().kill();
        let next = place.spawn_at(&bind, settings);
        next.is_ready().await;
        server.replace(Some(next));
    }
}

#[program]
async fn nothing_acknowledged_is_lost_and_nothing_is_done_twice_though_the_server_is_killed_again_and_again(
    place: &Place,
) {
    let Scale { clients, each, kills } = if full() { FULL } else { BOUNDED };
    let server = place.serve_with_password(&SETTINGS).await;
    let admin = server.admin().await;
    let crowd = Crowd::gather(&admin).await;
    let server = RefCell::new(Some(server));
    tokio::join!(
        crowd.act(&admin, 1, clients, each),
        kill_and_restart(place, &server, &SETTINGS, || crowd.answered(), (clients * each, kills))
    );
    server.take().unwrap().stop();

    let effects = Effects {
        transactions: place.texts(Effects::TRANSACTIONS).await,
        notes: place.texts(Effects::NOTES).await,
        entries: place.texts(Effects::ENTRIES).await,
    };
    assert_eq!(crowd.wrong(&effects), Vec::<String>::new());
    let sound = place.run(&["verify"], &[]).expect(0);
    assert!(sound.out.lines().all(|line| line.starts_with("ok ")), "{}", sound.out);
    // the test had an effect: all kinds of operations succeeded, and kills interrupted requests
    assert_eq!((crowd.answered(), crowd.done().len()), (clients * each, 14), "{:?}", crowd.done());
    let (unanswered, replayed) = (crowd.unanswered.get(), crowd.replayed.get());
    assert!(unanswered > kills && replayed > 0, "{unanswered} without response, {replayed} replayed");
    eprintln!(
        "{clients} clients, {} operations, {kills} kills: {} tries without response, {} deferred, \
         {} replayed; done {:?}",
        crowd.answered(),
        crowd.unanswered.get(),
        crowd.sent_away.get(),
        crowd.replayed.get(),
        crowd.done()
    );
    // each successful payment published an event, in one transaction with it
    let payments = "SELECT CAST(COUNT(*) AS TEXT) FROM payments WHERE transaction_type = 'payment' \
                    AND status = 'success'";
    let events = "SELECT CAST(COUNT(*) AS TEXT) FROM events WHERE kind = 'payment.received'";
    assert_eq!(place.texts(payments).await, place.texts(events).await);
}
