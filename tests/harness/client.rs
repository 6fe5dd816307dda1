//! An API client with a token.

use reqwest::{
    Method, RequestBuilder, Response,
    header::{HeaderMap, HeaderName},
};
use serde_json::Value;

#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    pub token: Option<String>,
    headers: Vec<(String, String)>,
}

/// A response with its whole body.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    pub body: Value,
    pub asked: String,
}

/// A method, a path and a body.
#[derive(Debug)]
pub struct Request {
    pub method: Method,
    pub path: String,
    pub body: Option<Value>,
}

impl Request {
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: None }
    }

    pub fn post(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::POST, path: path.into(), body: Some(body) }
    }

    pub fn patch(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::PATCH, path: path.into(), body: Some(body) }
    }

    pub fn delete(path: impl Into<String>) -> Self {
        Self { method: Method::DELETE, path: path.into(), body: None }
    }
}

impl Client {
    pub fn new(base: &str, token: Option<&str>) -> Self {
        // tests use no TLS, and loading the system's certificates takes longer than a request
        let http = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
        Self { http, base: base.to_owned(), token: token.map(str::to_owned), headers: Vec::new() }
    }

    /// A copy of this client that sends this header, in place of an earlier value.
    pub fn with(&self, name: &str, value: impl ToString) -> Self {
        let mut with = self.clone();
        with.headers.retain(|(other, _)| other != name);
        with.headers.push((name.to_owned(), value.to_string()));
        with
    }

    /// A copy of this client that sends one more line of this header.
    pub fn with_line(&self, name: &str, value: &str) -> Self {
        let mut with = self.clone();
        with.headers.push((name.to_owned(), value.to_owned()));
        with
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// Starts a request. A path that does not begin with `/api`,
    /// `/health` or `/terminal` is relative to the API's root.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let outside = ["/api", "/health", "/swagger-ui", "/terminal", "http://"]
            .iter()
            .any(|prefix| path.starts_with(prefix))
            || path == "/";
        let url = match path {
            path if path.starts_with("http://") => path.to_owned(),
            path if outside => format!("{}{path}", self.base),
            path => format!("{}/api/v1{path}", self.base),
        };
        let mut request = self.http.request(method, url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request
    }

    /// A form with a file of this name and type.
    pub fn file(&self, path: &str, name: &str, media_type: &str, content: &[u8]) -> RequestBuilder {
        let head = format!(
            "--frontier\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: {media_type}\r\n\r\n"
        );
        let body = [head.as_bytes(), content, b"\r\n--frontier--\r\n"].concat();
        self.request(Method::POST, path)
            .header("content-type", "multipart/form-data; boundary=frontier")
            .body(body)
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let asked = format!("{method} {path} {}", body.as_ref().map(ToString::to_string).unwrap_or_default());
        let request = self.request(method, path);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        Reply::read(asked, request.send().await.unwrap()).await
    }

    pub async fn ask(&self, request: &Request) -> Reply {
        self.send(request.method.clone(), &request.path, request.body.clone()).await
    }

    /// The response, or `None` if the server fails before it is complete.
    pub async fn attempt(&self, method: Method, path: &str, body: &Value) -> Option<Reply> {
        let asked = format!("{method} {path} {body}");
        let response = self.request(method, path).json(body).send().await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.ok()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Some(Reply { status, headers, text, body, asked })
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PUT, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(Method::PATCH, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None).await
    }
}

impl Reply {
    pub async fn read(asked: String, response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { status, headers, text, body, asked }
    }

    /// Checks the status and returns the body.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{} returned {}: {}", self.asked, self.status, self.text);
        self.body
    }

    /// Checks the status and code of a refusal and returns the problem.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!(
            (self.status, self.body["code"].as_str()),
            (status, Some(code)),
            "{} returned {}",
            self.asked,
            self.text
        );
        // OAuth 2 clients look into nothing but `application/json`
        let of_oauth = self.body["error"].is_string();
        let media_type = if of_oauth { "application/json" } else { "application/problem+json" };
        assert_eq!(self.header("content-type"), media_type, "{}", self.asked);
        self.body
    }

    /// The codes of wrong fields by pointer, in order.
    pub fn wrong_fields(&self) -> Vec<(String, String)> {
        let errors = self.body["errors"].as_array().cloned().unwrap_or_default();
        let text = |error: &Value, name: &str| error[name].as_str().unwrap_or_default().to_owned();
        let mut fields: Vec<_> =
            errors.iter().map(|error| (text(error, "pointer"), text(error, "code"))).collect();
        fields.sort();
        fields
    }

    pub fn header(&self, name: &str) -> &str {
        let name: HeaderName = name.parse().unwrap();
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}
