//! Paths, and the responses to creating and deleting.

use serde_json::json;

use super::raw;
use crate::harness::{App, id, person, prepaid, scenario, sim};

#[scenario]
async fn a_path_means_the_same_with_and_without_its_version_and_a_slash_at_its_end(app: &App) {
    let admin = app.admin().await;
    let role = admin.get("/api/v1/roles/1").await.expect(200);
    for path in ["/api/roles/1", "/api/roles/1/", "/api/v1/roles/1/"] {
        assert_eq!(admin.get(path).await.expect(200), role, "{path}");
    }
    let list = admin.get("/api/v1/roles?ordering=-name").await.expect(200);
    for path in ["/api/roles?ordering=-name", "/api/roles/?ordering=-name", "/api/v1/roles/?ordering=-name"] {
        assert_eq!(admin.get(path).await.expect(200)["results"], list["results"], "{path}");
    }
    let new = json!({"name": "cashier", "title": "Кассир", "permissions": []});
    admin.post("/api/roles/", new.clone()).await.expect(201);
    admin.post("/api/v1/roles/", new).await.refused(409, "role_name_taken");
    for path in [
        "/health/live",
        "/health/live/",
        "/health/ready",
        "/health/ready/",
        "/api/openapi.json",
        "/api/v1/openapi.json/",
    ] {
        app.stranger().get(path).await.expect(200);
    }
}

#[scenario]
async fn another_version_and_a_path_that_is_none_are_not_found(app: &App) {
    let admin = app.admin().await;
    for path in [
        "/api/v2/roles",
        "/api/v11/roles/1",
        "/api/v1",
        "/api/v1/",
        "/api/",
        "/api/v1/roles/1/2",
        "/api/v1/nonsense",
        "/api/v1//roles",
        "/api",
    ] {
        let problem = admin.get(path).await.refused(404, "no_such_path");
        assert_eq!(problem["instance"], path);
    }
    // a malformed id matches no path
    for id in [
        "0x1",
        "abc",
        "1.0",
        "99999999999999999999",
        "1%00",
        "%D0%B6",
        "+1",
        "%2B1",
        "0001",
        "01",
        "-0",
        "00",
    ] {
        admin.get(&format!("/roles/{id}")).await.refused(404, "no_such_path");
    }
    for id in ["0", "-1", "9223372036854775807"] {
        admin.get(&format!("/roles/{id}")).await.refused(404, "role_not_found");
    }
}

#[scenario]
async fn an_id_is_written_in_one_way_on_every_path(app: &App) {
    let admin = app.admin().await;
    let mut asked = 0;
    for (path, item) in crate::harness::document()["paths"].as_object().unwrap() {
        if !path.contains("id}") || item.get("get").is_none() || path.contains("swagger") {
            continue;
        }
        for id in ["+1", "0001"] {
            let parts: Vec<&str> = path
                .split('/')
                .map(|part| {
                    if part.ends_with("id}") {
                        id
                    } else if part.starts_with('{') {
                        "x"
                    } else {
                        part
                    }
                })
                .collect();
            let reply = admin.get(&parts.join("/")).await;
            assert_eq!(reply.status, 404, "{}: {}", reply.asked, reply.text);
            asked += 1;
        }
    }
    assert!(asked > 60, "{asked}");
    let customer = admin.customer().await;
    for id in [format!("+{customer}"), format!("000{customer}")] {
        admin.get(&format!("/customers/{id}")).await.refused(404, "no_such_path");
        admin.patch(&format!("/customers/{id}"), json!({"notes": "x"})).await.refused(404, "no_such_path");
        admin.delete(&format!("/customers/{id}")).await.refused(404, "no_such_path");
    }
    assert_eq!(admin.get(&format!("/customers/{customer}")).await.expect(200)["version"], 1);
}

#[scenario]
async fn the_root_leads_to_the_page_of_swagger_ui_which_brings_its_own_assets(app: &App) {
    for path in ["/", "/swagger-ui"] {
        let answer = raw::get(app, path).await;
        assert!(answer.starts_with("HTTP/1.1 307 "), "{answer}");
        assert_eq!(raw::header(&answer, "location"), Some("/swagger-ui/"));
    }
    let page = app.stranger().get("/swagger-ui/").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let page = page.text;
    let assets: Vec<&str> =
        page.split(['"', '\'']).filter(|part| part.ends_with(".js") || part.ends_with(".css")).collect();
    assert!(assets.len() >= 3, "{page}");
    for asset in assets {
        assert!(!asset.contains("//"), "{asset} is from another host");
        let asset = app.stranger().get(&format!("/swagger-ui/{}", asset.trim_start_matches("./"))).await;
        assert_eq!(asset.status, 200, "{}", asset.asked);
        assert!(!asset.text.is_empty() && !asset.header("content-type").is_empty(), "{}", asset.asked);
    }
    assert!(page.contains("<title>Telecom CRM: API</title>"), "{page}");
    let start = app.stranger().get("/swagger-ui/page.js").await;
    assert!(start.text.contains("/api/v1/openapi.json"), "{}", start.text);
    // Swagger UI has other files, which no page loads
    for other in ["swagger-ui-bundle.js.map", "swagger-ui-standalone-preset.js", "oauth2-redirect.html"] {
        app.stranger().get(&format!("/swagger-ui/{other}")).await.refused(404, "no_such_path");
    }
    app.stranger().get("/swagger-ui/nothing.js").await.refused(404, "no_such_path");
}

#[scenario]
async fn swagger_ui_shows_one_document_with_a_filter_and_reads_before_changes(app: &App) {
    let page = app.stranger().get("/swagger-ui/").await.text;
    let start = app.stranger().get("/swagger-ui/page.js").await.text;
    let bundle = app.stranger().get("/swagger-ui/swagger-ui-bundle.js").await.text;
    // the bar with the address of a document belongs to the other layout and its file
    for text in [&page, &start] {
        assert!(!text.contains("StandaloneLayout") && !text.contains("standalone-preset"), "{text}");
    }
    for setting in [
        "layout: \"BaseLayout\"",
        "filter: true",
        "opsFilter: withWords",
        "operationsSorter: byPath",
        "docExpansion: \"none\"",
        "defaultModelsExpandDepth: -1",
        "deepLinking: true",
    ] {
        assert!(start.contains(setting), "{setting} is not in {start}");
        // Swagger UI takes no notice of a setting that it does not know
        let name = setting.split(':').next().unwrap();
        assert!(bundle.contains(name), "Swagger UI has no {name}");
    }
    assert!(bundle.contains("BaseLayout"), "Swagger UI has no BaseLayout");
    assert!(!start.contains("tagsSorter"), "the tags have the order of the document");

    // each method that the document has, with GET first and DELETE last
    let (_, rest) = start.split_once("const METHODS = ").unwrap();
    let (methods, _) = rest.split_once(';').unwrap();
    let methods: Vec<String> = serde_json::from_str(methods).unwrap();
    let place = |method: &str| methods.iter().position(|one| one == method);
    assert_eq!((place("get"), place("delete")), (Some(0), Some(methods.len() - 1)), "{methods:?}");
    for (path, item) in crate::harness::document()["paths"].as_object().unwrap() {
        for key in item.as_object().unwrap().keys() {
            let is_method = !["parameters", "summary", "description", "servers"].contains(&key.as_str());
            assert!(!is_method || place(key).is_some(), "{path} has {key}, which is not in {methods:?}");
        }
    }
}

#[scenario]
async fn the_document_is_open_to_all_and_describes_what_is_served(app: &App) {
    let document = app.stranger().get("/api/v1/openapi.json").await;
    assert_eq!(document.header("content-type"), "application/json");
    let document = document.expect(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(document["paths"]["/api/v1/contracts/{id}/activate"]["post"].is_object());
    assert!(&document == crate::harness::document(), "the served and printed documents differ");
}

#[scenario]
async fn what_is_made_is_found_where_location_says(app: &App) {
    let admin = app.admin().await;
    let (customer, tariff) = (admin.customer().await, admin.prepaid_tariff("100.00").await);
    let contract = admin.draft("1.00").await;
    let user = json!({
        "username": "petrova", "full_name": "Петрова", "role": "operator",
        "password": "tram 17 to the lighthouse"
    });
    let made = [
        admin.post("/contracts", json!({"customer_id": customer, "tariff_id": tariff})).await,
        admin.post("/customers", person()).await,
        admin.post("/sims", sim()).await,
        admin.post("/tariffs", prepaid("1.00")).await,
        admin
            .post("/payments", json!({"contract_id": contract, "amount": 1, "payment_method": "cash"}))
            .await,
        admin
            .post(
                "/tickets",
                json!({"customer_id": customer, "category": "sim", "subject": "PUK", "description": "Забыл"}),
            )
            .await,
        admin.post("/users", user).await,
        admin.post("/roles", json!({"name": "cashier", "title": "Кассир", "permissions": []})).await,
    ];
    for reply in made {
        let (location, etag) = (reply.header("location").to_owned(), reply.header("etag").to_owned());
        assert!(location.starts_with("/api/v1/"), "{}: {location}", reply.asked);
        let there = admin.get(&location).await;
        assert_eq!(there.header("etag"), etag, "{location}");
        let mut made = reply.expect(201);
        // the response to creating a subscriber or a SIM card also has warnings, which are not its field
        let warned = made.as_object_mut().unwrap().remove("warnings").is_some();
        let warns = ["/api/v1/customers/", "/api/v1/sims/"].iter().any(|path| location.starts_with(path));
        assert_eq!((there.expect(200), warns), (made, warned), "{location}");
    }
    // resources without a separate path are in the list that Location names
    let numbers = admin.post("/numbers", json!({"first": "+79990000001", "count": 3})).await;
    let location = numbers.header("location").to_owned();
    assert_eq!(
        admin.get(&location).await.expect(200)["results"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|number| number["msisdn"].as_str().unwrap().starts_with("+7999"))
            .count(),
        3
    );
    let token = admin
        .post(
            "/auth/api-tokens",
            json!({"name": "night", "permissions": ["customers:read"], "expires_at": null}),
        )
        .await;
    let location = token.header("location").to_owned();
    assert_eq!(admin.get(&location).await.expect(200)["results"][0]["id"], token.expect(201)["id"]);
}

#[scenario]
async fn deleting_answers_without_a_body_and_once(app: &App) {
    let admin = app.admin().await;
    let role = id(&admin
        .post("/roles", json!({"name": "cashier", "title": "Кассир", "permissions": []}))
        .await
        .expect(201));
    let gone = admin.delete(&format!("/roles/{role}")).await;
    assert_eq!((gone.status, gone.text.as_str(), gone.header("content-type")), (204, "", ""));
    admin.delete(&format!("/roles/{role}")).await.refused(404, "role_not_found");
    admin.get(&format!("/roles/{role}")).await.refused(404, "role_not_found");
}

#[scenario]
async fn the_program_says_that_it_runs_and_that_it_can_serve(app: &App) {
    for (path, state) in
        [("/health/live", json!({"status": "ok"})), ("/health/ready", json!({"status": "ok", "files": "ok"}))]
    {
        assert_eq!(app.stranger().get(path).await.expect(200), state);
    }
}
