//! Concurrent changes of tariffs, options and contracts.

use futures_util::future::join_all;
use serde_json::json;

use super::{running, tariff};
use crate::harness::{App, Client, Reply, scenario};

async fn take(admin: Client, contract: i64, option: i64) -> Reply {
    admin.post(&format!("/contracts/{contract}/options"), json!({"add": [option], "when": "now"})).await
}

#[scenario]
async fn of_two_options_that_exclude_each_other_only_one_is_taken_at_once(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "1.00").await;
    let (a, b) = (admin.option("1.00", &[tariff]).await, admin.option("1.00", &[tariff]).await);
    admin.patch(&format!("/options/{a}"), json!({"excluded_option_ids": [b]})).await.expect(200);
    for _ in 0..5 {
        let contract = running(&admin, tariff, "100.00", json!({})).await;
        let replies = join_all([a, b, a, b].map(|option| take(admin.clone(), contract, option))).await;
        assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
        for reply in replies.into_iter().filter(|reply| reply.status != 200) {
            assert!(
                ["options_exclusive", "options_present"].contains(&reply.body["code"].as_str().unwrap()),
                "{}",
                reply.text
            );
        }
        assert_eq!(admin.contract(contract).await["balance"], "98.00");
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn taking_an_option_and_coming_to_exclude_it_at_once_leaves_no_contract_with_both(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "1.00").await;
    for _ in 0..5 {
        let (a, b) = (admin.option("1.00", &[tariff]).await, admin.option("1.00", &[tariff]).await);
        let contract = running(&admin, tariff, "100.00", json!({"options": [a]})).await;
        let exclude =
            async { admin.patch(&format!("/options/{a}"), json!({"excluded_option_ids": [b]})).await };
        let (taken, excluded) = futures_util::future::join(take(admin.clone(), contract, b), exclude).await;
        match (taken.status, excluded.status) {
            (200, 409) => drop(excluded.refused(409, "options_had_together")),
            (409, 200) => drop(taken.refused(409, "options_exclusive")),
            other => panic!("{other:?}: {} {}", taken.text, excluded.text),
        }
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn contracts_that_swap_their_tariffs_at_once_are_all_counted(app: &App) {
    let admin = app.admin().await;
    let (one, other) = (tariff(&admin, "prepaid", "28.00").await, tariff(&admin, "prepaid", "56.00").await);
    let mut contracts = Vec::new();
    for n in 0..8 {
        contracts
            .push((running(&admin, [one, other][n % 2], "1000.00", json!({})).await, [other, one][n % 2]));
    }
    let change = async |contract: i64, to: i64| {
        admin
            .post(&format!("/contracts/{contract}/change-tariff"), json!({"tariff_id": to, "when": "now"}))
            .await
    };
    for reply in join_all(contracts.iter().map(|(contract, to)| change(*contract, *to))).await {
        reply.expect(200);
    }
    // of concurrent equal changes, one is applied
    let (contract, to) = (contracts[0].0, one);
    let replies = join_all((0..5).map(|_| change(contract, to))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
    for tariff in [(one, 5), (other, 3)] {
        assert_eq!(
            admin.get(&format!("/tariffs/{}", tariff.0)).await.expect(200)["contracts_count"],
            tariff.1
        );
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn a_price_that_changes_while_contracts_are_activated_leaves_every_charge_with_its_version(app: &App) {
    let admin = app.admin().await;
    let tariff = tariff(&admin, "prepaid", "10.00").await;
    let mut drafts = Vec::new();
    for _ in 0..6 {
        let draft = json!({
            "customer_id": admin.customer().await, "tariff_id": tariff, "sim_id": admin.sim().await,
            "credit_limit": "100.00"
        });
        drafts.push(crate::harness::id(&admin.post("/contracts", draft).await.expect(201)));
    }
    let activate = join_all(drafts.iter().map(|draft| {
        let admin = admin.clone();
        async move { admin.post(&format!("/contracts/{draft}/activate"), json!({})).await }
    }));
    let reprice =
        join_all((1..=4).map(|n| {
            let admin = admin.clone();
            async move {
                admin.patch(&format!("/tariffs/{tariff}"), json!({"monthly_fee": format!("2{n}.00")})).await
            }
        }));
    let (activated, repriced) = futures_util::future::join(activate, reprice).await;
    for reply in activated {
        reply.expect(200);
    }
    for reply in repriced.into_iter().filter(|reply| reply.status != 200) {
        reply.refused(409, "tariff_version_in_use");
    }
    let off = "SELECT COUNT(*) FROM contract_periods JOIN tariff_versions \
               ON tariff_versions.id = contract_periods.tariff_version_id \
               WHERE contract_periods.fee <> tariff_versions.monthly_fee";
    assert_eq!(
        (app.scalar(off).await, app.count("contract_periods").await, app.count("tariff_versions").await),
        (0, 6, 1)
    );
    assert_eq!(app.violations().await, Vec::<String>::new());
}

#[scenario]
async fn planned_changes_of_tariffs_and_immediate_ones_at_once_are_all_made(app: &App) {
    let admin = app.admin().await;
    let tariffs = [tariff(&admin, "prepaid", "28.00").await, tariff(&admin, "prepaid", "31.00").await];
    let (mut planned, mut immediate) = (Vec::new(), Vec::new());
    for n in 0..12 {
        let (from, to) = (tariffs[n % 2], tariffs[(n + 1) % 2]);
        let contract = running(&admin, from, "1000.00", json!({})).await;
        let body = json!({"tariff_id": to, "when": "next_period"});
        admin.post(&format!("/contracts/{contract}/change-tariff"), body).await.expect(200);
        planned.push((contract, to));
    }
    let admin = super::after_days(app, 10).await;
    for n in 0..12 {
        let (from, to) = (tariffs[n % 2], tariffs[(n + 1) % 2]);
        immediate.push((running(&admin, from, "1000.00", json!({})).await, to));
    }
    let admin = super::after_days(app, 18).await;
    let changes = join_all(immediate.iter().map(|(contract, to)| {
        let (admin, path) = (admin.clone(), format!("/contracts/{contract}/change-tariff"));
        async move { admin.post(&path, json!({"tariff_id": to, "when": "now"})).await }
    }));
    let (changed, ()) = futures_util::future::join(changes, app.run_billing()).await;
    for reply in changed {
        reply.expect(200);
    }
    for (contract, to) in planned.into_iter().chain(immediate) {
        assert_eq!(admin.contract(contract).await["tariff_id"], to);
    }
    for tariff in tariffs {
        let shown = admin.get(&format!("/tariffs/{tariff}")).await.expect(200);
        assert_eq!(shown["contracts_count"], 12);
    }
    assert_eq!(app.violations().await, Vec::<String>::new());
}
