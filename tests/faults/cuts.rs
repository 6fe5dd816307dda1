//! PostgreSQL behind a connection that is cut, falls silent or dies while many clients pay.

use std::{cell::Cell, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{Crowd, Effects, full};
use crate::harness::{App, Engine, Proxy, TestDatabase, behind_a_proxy};

/// Cuts the connection at random moments until all is done. Pauses now and then, because
/// longer operations would never complete on a slow machine otherwise.
async fn cut_again_and_again(proxy: &Proxy, is_done: &Cell<bool>) -> usize {
    let mut random = StdRng::seed_from_u64(11);
    let mut cuts = 0;
    while !is_done.get() {
        tokio::time::sleep(Duration::from_millis(random.random_range(5..250))).await;
        match random.random_range(0..8) {
            0 => proxy.lose(),
            1 => {
                proxy.silence();
                tokio::time::sleep(Duration::from_millis(random.random_range(1..300))).await;
                proxy.open();
            }
            2 => {
                proxy.close();
                tokio::time::sleep(Duration::from_millis(random.random_range(1..100))).await;
                proxy.open();
            }
            _ => proxy.cut(),
        }
        cuts += 1;
        if cuts % 8 == 0 && !is_done.get() {
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    }
    cuts
}

async fn pay_over_a_bad_line(app: &App, proxy: &Proxy) {
    let (clients, each) = if full() { (24, 60) } else { (12, 12) };
    let admin = app.admin().await;
    let crowd = Crowd::gather(&admin).await;
    let is_done = Cell::new(false);
    let act = async {
        crowd.act(&admin, 2, clients, each).await;
        is_done.set(true);
    };
    let ((), cuts) = tokio::join!(act, cut_again_and_again(proxy, &is_done));
    let effects = Effects {
        transactions: app.texts(Effects::TRANSACTIONS).await,
        notes: app.texts(Effects::NOTES).await,
        entries: app.texts(Effects::ENTRIES).await,
    };
    assert_eq!(crowd.wrong(&effects), Vec::<String>::new());
    assert_eq!(app.violations().await, Vec::<String>::new());
    assert_eq!(crowd.answered(), clients * each);
    assert!(cuts > 3 && crowd.sent_away.get() > 0, "{cuts} cuts, {} deferred", crowd.sent_away.get());
    eprintln!(
        "{cuts} cuts: {} deferred, {} replayed; done {:?}",
        crowd.sent_away.get(),
        crowd.replayed.get(),
        crowd.done()
    );
}

#[test]
fn a_payment_counts_once_though_connections_are_cut_in_the_middle_of_transactions() {
    if let Some(database) = TestDatabase::fresh(Engine::Postgres) {
        behind_a_proxy(database, &[], async |app, proxy| pay_over_a_bad_line(app, proxy).await);
    }
}
