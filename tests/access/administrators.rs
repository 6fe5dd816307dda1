//! The caller's own account, and the last administrator.

use acl::Permission;
use chrono::TimeDelta;
use futures_util::future::join;
use serde_json::{Value, json};

use super::{OTHER_PASSWORD, bearer, everything_in, hire, login, pair, role, user};
use crate::harness::{App, Client, PASSWORD, Reply, id, scenario};

const RIGHTS: [&str; 4] = ["users", "user_permissions", "roles", "role_permissions"];

/// Signs in a user who may do all that an administrator may, and is none.
async fn personnel(app: &App) -> Client {
    let admin = app.admin().await;
    let all: Vec<&str> = Permission::ALL.iter().map(|permission| permission.as_str()).collect();
    role(&admin, "personnel", &all).await;
    hire(&admin, "olga", "personnel").await;
    bearer(app, &pair(app, "olga").await)
}

/// Signs in a user who manages users and may do little else.
async fn clerk(app: &App) -> Client {
    let admin = app.admin().await;
    role(&admin, "clerk", &["users:read", "users:manage", "customers:read"]).await;
    hire(&admin, "vera", "clerk").await;
    bearer(app, &pair(app, "vera").await)
}

/// The ways in which an administrator loses that role.
#[derive(Clone, Copy, Debug)]
enum Way {
    Demote,
    Deactivate,
    Expire,
    ExpireSoon,
    Postpone,
    Block,
    DenyUsers,
    DenyRoles,
    DenyAnything,
    Delete,
}

impl Way {
    const ALL: [Self; 10] = [
        Self::Demote,
        Self::Deactivate,
        Self::Expire,
        Self::ExpireSoon,
        Self::Postpone,
        Self::Block,
        Self::DenyUsers,
        Self::DenyRoles,
        Self::DenyAnything,
        Self::Delete,
    ];

    async fn take(self, app: &App, caller: &Client, user: i64) -> Reply {
        let path = format!("/users/{user}");
        let edit = async |change: Value| caller.patch(&path, change).await;
        let deny = async |permission: &str| {
            caller.put(&format!("{path}/permissions"), json!({"granted": [], "denied": [permission]})).await
        };
        match self {
            Self::Demote => edit(json!({"role": "employee"})).await,
            Self::Deactivate => edit(json!({"is_active": false})).await,
            Self::Expire => edit(json!({"valid_until": app.clock.now().to_rfc3339()})).await,
            Self::ExpireSoon => {
                edit(json!({"valid_until": (app.clock.now() + TimeDelta::hours(1)).to_rfc3339()})).await
            }
            Self::Postpone => {
                edit(json!({"valid_from": (app.clock.now() + TimeDelta::days(1)).to_rfc3339()})).await
            }
            Self::Block => {
                caller.post(&format!("{path}/block"), json!({"reason": "Так вышло", "until": null})).await
            }
            Self::DenyUsers => deny("users:manage").await,
            Self::DenyRoles => deny("roles:manage").await,
            // nobody could give it back, because nobody grants what they do not hold
            Self::DenyAnything => deny("sims:puk").await,
            Self::Delete => caller.delete(&path).await,
        }
    }
}

#[scenario]
async fn nobody_changes_the_standing_of_their_own_account(app: &App) {
    let admin = app.admin().await;
    hire(&admin, "second", "admin").await;
    let before = everything_in(app, &RIGHTS).await;
    for way in Way::ALL {
        way.take(app, &admin, 1).await.refused(409, "own_account");
    }
    admin.post("/users/1/unblock", json!({})).await.refused(409, "own_account");
    admin
        .post("/users/1/reset-password", json!({"password": OTHER_PASSWORD}))
        .await
        .refused(409, "own_account");
    admin
        .put("/users/1/permissions", json!({"granted": ["users:read"], "denied": []}))
        .await
        .refused(409, "own_account");
    assert_eq!(everything_in(app, &RIGHTS).await, before);
    // changes to the own account that do not affect its rights are allowed
    assert_eq!(
        admin
            .patch("/users/1", json!({"full_name": "Главный", "email": "root@example.com"}))
            .await
            .expect(200)["full_name"],
        "Главный"
    );
}

#[scenario]
async fn the_last_administrator_is_not_removed_demoted_or_kept_out_in_any_way(app: &App) {
    let olga = personnel(app).await;
    let before = everything_in(app, &RIGHTS).await;
    for way in Way::ALL {
        let refusal = way.take(app, &olga, 1).await;
        assert_eq!(
            (refusal.status, &refusal.body["code"]),
            (409, &json!("last_administrator")),
            "{way:?} {}",
            refusal.text
        );
    }
    let for_an_hour =
        json!({"reason": "На час", "until": (app.clock.now() + TimeDelta::hours(1)).to_rfc3339()});
    olga.post("/users/1/block", for_an_hour).await.refused(409, "last_administrator");
    assert_eq!(everything_in(app, &RIGHTS).await, before);
    login(app, "admin", PASSWORD).await.expect(200);
}

#[scenario]
async fn an_administrator_who_cannot_act_does_not_count_as_another(app: &App) {
    let olga = personnel(app).await;
    let admin = app.admin().await;
    for (username, way) in [
        ("asleep", Way::Deactivate),
        ("barred", Way::Block),
        ("early", Way::Postpone),
        ("denied", Way::DenyRoles),
        ("leaving", Way::ExpireSoon),
        ("narrowed", Way::DenyAnything),
    ] {
        let other = id(&hire(&admin, username, "admin").await);
        way.take(app, &admin, other).await.expect(200);
    }
    let before = everything_in(app, &RIGHTS).await;
    Way::Demote.take(app, &olga, 1).await.refused(409, "last_administrator");
    assert_eq!(everything_in(app, &RIGHTS).await, before);
    hire(&admin, "second", "admin").await;
    assert_eq!(Way::Demote.take(app, &olga, 1).await.expect(200)["role"], "employee");
}

#[scenario]
async fn of_two_administrators_who_are_taken_away_at_once_one_stays(app: &App) {
    let olga = personnel(app).await;
    let mut survivor = 1;
    let mut survivors_name = "admin".to_owned();
    for (round, way) in Way::ALL.into_iter().enumerate() {
        let name = format!("second{round}");
        let second = id(&hire(&bearer(app, &pair(app, &survivors_name).await), &name, "admin").await);
        let (first, other) = join(way.take(app, &olga, survivor), way.take(app, &olga, second)).await;
        let statuses = [first.status, other.status];
        assert!(
            statuses.iter().filter(|status| (200..300).contains(*status)).count() == 1,
            "{way:?} {statuses:?} {} {}",
            first.text,
            other.text
        );
        if first.status == 409 {
            first.refused(409, "last_administrator");
        } else {
            other.refused(409, "last_administrator");
            (survivor, survivors_name) = (second, name);
        }
        let left = user(&olga, survivor).await;
        assert_eq!(
            (&left["role"], &left["is_active"], &left["is_blocked"], &left["denied"]),
            (&json!("admin"), &json!(true), &json!(false), &json!([]))
        );
    }
}

#[scenario]
async fn of_two_administrators_who_demote_each_other_at_once_one_fails(app: &App) {
    let admin = app.admin().await;
    let second_id = id(&hire(&admin, "second", "admin").await);
    let second = bearer(app, &pair(app, "second").await);
    let demotion = json!({"role": "employee"});
    let (first, other) = join(
        admin.patch(&format!("/users/{second_id}"), demotion.clone()),
        second.patch("/users/1", demotion),
    )
    .await;
    let (won, lost) = if first.status == 200 { (first, other) } else { (other, first) };
    won.expect(200);
    // the other request is too late: it would demote the last administrator, or its caller has lost the right
    assert!(lost.status == 409 || lost.status == 403, "{}", lost.text);
    assert_eq!(
        app.scalar(
            "SELECT COUNT(*) FROM users JOIN roles ON roles.id = users.role_id WHERE roles.name = 'admin'"
        )
        .await,
        1
    );
}

#[scenario]
async fn an_administrator_whose_account_ends_is_kept_while_there_is_no_other(app: &App) {
    let olga = personnel(app).await;
    // as in a database of an earlier version
    app.execute("UPDATE users SET valid_until = '2026-02-28T00:00:00.000000Z' WHERE id = 1").await;
    for way in [Way::Demote, Way::Deactivate, Way::Expire, Way::Block, Way::DenyUsers, Way::Delete] {
        let refusal = way.take(app, &olga, 1).await;
        assert_eq!((refusal.status, &refusal.body["code"]), (409, &json!("last_administrator")), "{way:?}");
    }
    olga.patch("/users/1", json!({"valid_until": null})).await.expect(200);
    Way::ExpireSoon.take(app, &olga, 1).await.refused(409, "last_administrator");
}

#[scenario]
async fn whoever_manages_users_but_holds_less_changes_nothing_on_an_administrator(app: &App) {
    let (vera, admin) = (clerk(app).await, app.admin().await);
    let second = id(&hire(&admin, "second", "admin").await);
    let token = json!({"name": "export", "permissions": ["sims:read"]});
    let token =
        id(&bearer(app, &pair(app, "second").await).post("/auth/api-tokens", token).await.expect(201));
    let before = everything_in(app, &RIGHTS).await;
    for way in Way::ALL {
        way.take(app, &vera, second).await.refused(403, "user_holds_more");
    }
    let path = format!("/users/{second}");
    vera.patch(&path, json!({"username": "elsewhere"})).await.refused(403, "user_holds_more");
    vera.post(&format!("{path}/unblock"), json!({})).await.refused(403, "user_holds_more");
    vera.delete(&format!("{path}/api-tokens/{token}")).await.refused(403, "user_holds_more");
    vera.post(&format!("{path}/reset-password"), json!({"password": OTHER_PASSWORD}))
        .await
        .refused(403, "grant_not_held");
    // a script of an administrator that was given little can do no more
    let script = json!({"name": "personnel", "permissions": ["users:manage"]});
    let script = admin.post("/auth/api-tokens", script).await.expect(201);
    let script = Client::new(&app.base, script["token"].as_str());
    Way::Block.take(app, &script, second).await.refused(403, "user_holds_more");
    assert_eq!(everything_in(app, &RIGHTS).await, before);
    // those who manage neither users nor roles can be kept out, whatever they hold
    let operator = id(&hire(&admin, "ivan", "operator").await);
    Way::Block.take(app, &vera, operator).await.expect(200);
    vera.post(&format!("/users/{operator}/unblock"), json!({})).await.expect(200);
    Way::Deactivate.take(app, &vera, operator).await.expect(200);
    // and whoever holds as much changes an administrator
    Way::Block.take(app, &admin, second).await.expect(200);
}
