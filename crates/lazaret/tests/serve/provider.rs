//! People who sign in by a real identity provider: npm's `oidc-provider`, on loopback, and what must not let them in.

use super::packages::packages;
use super::server::{Answer, Caller, Folder, Server, has};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

const SECRET: &str = "the secret that the site and its provider share\n";
/// Longest way of a browser, in steps.
const STEPS_MAX: usize = 20;

/// The provider, ended at the end of the test.
struct Provider {
    child: Child,
    issuer: String,
    /// Codes and tokens that it gave out.
    secrets: Arc<Mutex<Vec<String>>>,
}

impl Provider {
    fn start(place: &Path, more: &[(&str, &str)]) -> Self {
        let mut child = Command::new("node")
            .arg("provider.mjs")
            .current_dir(place)
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let issuer = first.strip_prefix("issuer ").unwrap().to_owned();
        let secrets = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&secrets);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(secret) = line.strip_prefix("secret ") {
                    to.lock().unwrap().push(secret.to_owned());
                }
            }
        });
        Self { child, issuer, secrets }
    }

    fn port(&self) -> String {
        self.issuer.rsplit(':').next().unwrap().to_owned()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The file of `--oidc`.
fn file(folder: &Folder, provider: &Provider, client: &str) -> String {
    file_with(folder, provider, client, "")
}

/// The same with one line more.
fn file_with(folder: &Folder, provider: &Provider, client: &str, more: &str) -> String {
    let secret = folder.path("oidc.secret");
    fs::write(&secret, SECRET).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let secret = if client == "lazaret-ed" { "" } else { "client_secret_file = 'oidc.secret'" };
    let text = format!(
        "schema = 1\nname = 'Hospital account'\nissuer = '{}'\nclient_id = '{client}'\n{secret}\n\
         scopes = ['profile', 'groups']\n{more}\n[roles]\nadmin = ['ward-admins']\nanalyst = ['biomed']\nviewer = ['staff']\n",
        provider.issuer
    );
    let path = folder.text("oidc.toml");
    fs::write(&path, text).unwrap();
    path
}

/// A browser, as much of one as that takes: cookies, and a person at the provider's forms.
struct Browser {
    jar: String,
    /// Whose certificate it trusts.
    ca: Option<String>,
}

/// Where a step ended.
struct Page {
    status: u16,
    to: String,
    body: String,
}

impl Browser {
    fn new(folder: &Folder, name: &str) -> Self {
        Self { jar: folder.text(&format!("jar-{name}")), ca: None }
    }

    fn step(&self, url: &str, form: &[(&str, &str)]) -> Page {
        let body = format!("{}.body", self.jar);
        drop(fs::remove_file(&body));
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "120", "--output", &body]);
        curl.args([
            "--cookie",
            &self.jar,
            "--cookie-jar",
            &self.jar,
            "--write-out",
            "%{http_code} %{redirect_url}",
            url,
        ]);
        self.ca.iter().for_each(|ca| {
            curl.args(["--cacert", ca]);
        });
        form.iter().for_each(|(name, value)| {
            curl.args(["--data-urlencode", &format!("{name}={value}")]);
        });
        let done = curl.output().unwrap();
        assert!(done.status.success(), "{url}: {}", done.stderr.escape_ascii());
        let said = String::from_utf8(done.stdout).unwrap();
        let (status, to) = said.split_once(' ').unwrap();
        let body = fs::read_to_string(&body).unwrap_or_default();
        Page { status: status.parse().unwrap(), to: to.to_owned(), body }
    }

    /// From the console's button through the provider as `person`: the address that the provider sends the browser back to.
    fn through(&self, server: &Server, person: &str) -> String {
        let mut url = format!("{}/api/v1/session/provider", server.base);
        let mut form = Vec::new();
        for _ in 0..STEPS_MAX {
            let page = self.step(&url, &form);
            form.clear();
            if page.status == 200 {
                // One of the provider's forms: who it is, or whether Lazaret may know.
                let asks = |what: &str| page.body.contains(&format!("value=\"{what}\""));
                form = if asks("login") {
                    vec![("prompt", "login"), ("login", person), ("password", "x")]
                } else {
                    assert!(asks("consent"), "{url}: {}", page.body);
                    vec![("prompt", "consent")]
                };
                continue;
            }
            assert_eq!(page.status, 303, "{url}: {}", page.body);
            url = page.to;
            if url.starts_with(&server.base) {
                return url;
            }
        }
        panic!("no end of the provider's pages");
    }

    /// Brings the browser back to the console: where the console sends it.
    fn arrive(&self, server: &Server, back: &str) -> String {
        let page = self.step(back, &[]);
        assert_eq!(page.status, 303, "{}", page.body);
        page.to.strip_prefix(&server.base).unwrap().to_owned()
    }

    fn sign_in(&self, server: &Server, person: &str) -> String {
        let back = self.through(server, person);
        self.arrive(server, &back)
    }

    fn session(&self, server: &Server) -> Answer {
        let jar = fs::read_to_string(&self.jar).unwrap_or_default();
        let line = jar.lines().find(|line| line.contains("\tlazaret\t"));
        let cookie =
            format!("lazaret={}", line.and_then(|line| line.rsplit('\t').next()).unwrap_or_default());
        server.ask("GET", "/api/v1/session", &[("Cookie", &cookie)], b"")
    }

    fn forget(&self) {
        drop(fs::remove_file(&self.jar));
    }
}

/// The newest entry of the log: action, subject, detail.
fn newest(admin: &Caller<'_>) -> (String, String, Value) {
    let page = admin.get("/api/v1/audit?limit=1");
    let entry = &page["entries"][0];
    let text = |name: &str| entry[name].as_str().unwrap().to_owned();
    (text("action"), text("subject"), serde_json::from_str(&text("detail")).unwrap())
}

/// No code and no token of the provider's is in what the server said or keeps.
fn nothing_leaks(folder: &Folder, server: &Server, provider: &Provider, least: usize) {
    // What the provider told may still be on its way to us.
    let secrets = server.wait("the provider told what it gave out", || {
        let secrets = provider.secrets.lock().unwrap().clone();
        (secrets.len() >= least).then_some(secrets)
    });
    let mut kept = vec![("standard error".to_owned(), server.all_said().into_bytes())];
    for entry in fs::read_dir(folder.path("store")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let mut bytes = Vec::new();
            fs::File::open(&path).unwrap().read_to_end(&mut bytes).unwrap();
            kept.push((path.display().to_string(), bytes));
        }
    }
    for secret in secrets.iter().map(String::as_str).chain([SECRET.trim()]) {
        // A token's claims are no secret; its signature, and whatever is random, is.
        let last = secret.rsplit('.').next().unwrap();
        let sought = if last.len() < 8 { secret } else { last };
        for (place, bytes) in &kept {
            let found = bytes.windows(sought.len()).any(|window| window == sought.as_bytes());
            assert!(!found, "{place} holds {secret}");
        }
    }
}

#[test]
fn people_sign_in_by_the_providers_word_and_are_what_their_groups_say() {
    let Some(place) = packages() else { return };
    for (client, userinfo) in
        [("lazaret", false), ("lazaret-es", false), ("lazaret-ed", false), ("lazaret", true)]
    {
        let folder = Folder::new(&format!("provider-{client}-{userinfo}"));
        let provider = Provider::start(&place, if userinfo { &[("USERINFO", "1")] } else { &[] });
        let server = Server::start(&folder, &["--no-tls", "--oidc", &file(&folder, &provider, client)]);
        let browser = Browser::new(&folder, "haldis");
        assert_eq!(
            browser.sign_in(&server, "haldis.biomed"),
            "/?refused=no-admin",
            "the first admin is a local one"
        );
        let admin = server.admin();
        let ways = server.ask("GET", "/api/v1/setup", &[], b"").json();
        assert_eq!(
            (ways["first"].as_bool(), ways["provider"].as_str()),
            (Some(false), Some("Hospital account"))
        );
        browser.forget();
        assert_eq!(browser.sign_in(&server, "haldis.biomed"), "/");
        let who = browser.session(&server).json();
        // A local account has the plain name.
        assert_eq!(
            (who["name"].as_str(), who["role"].as_str()),
            (Some("haldis@127.0.0.1"), Some("analyst")),
            "{who}"
        );
        let (action, subject, _) = newest(&admin);
        assert_eq!((&*action, &*subject), ("sign-in", "user haldis@127.0.0.1"));
        let users = admin.get("/api/v1/users");
        let made = users["users"].as_array().unwrap().last().unwrap();
        assert_eq!(
            (made["issuer"].as_str(), made["password"].as_bool()),
            (Some(&*provider.issuer), Some(false))
        );
        // Changes need the token of the session, as for everybody; then it ends.
        let cookie = fs::read_to_string(&browser.jar).unwrap();
        let cookie =
            cookie.lines().find(|line| line.contains("\tlazaret\t")).unwrap().rsplit('\t').next().unwrap();
        let cookie = format!("lazaret={cookie}");
        let without = server.ask("DELETE", "/api/v1/session", &[("Cookie", &cookie)], b"");
        assert_eq!(without.status, 403, "{}", without.text());
        let headers = [("Cookie", cookie.as_str()), ("X-CSRF-Token", who["csrf"].as_str().unwrap())];
        assert_eq!(server.ask("DELETE", "/api/v1/session", &headers, b"").status, 204);
        assert_eq!(browser.session(&server).status, 401);
        // The local way is as it was.
        let body = br#"{"name":"haldis","password":"green lamp by the door"}"#;
        let local = server.ask("POST", "/api/v1/session", &[("Content-Type", "application/json")], body);
        assert_eq!(local.status, 200, "{}", local.text());
        nothing_leaks(&folder, &server, &provider, 6);
    }
}

#[test]
fn whoever_the_provider_does_not_vouch_for_stays_outside() {
    let Some(place) = packages() else { return };
    let folder = Folder::new("provider-faults");
    let provider = Provider::start(&place, &[]);
    let server = Server::start(&folder, &["--no-tls", "--oidc", &file(&folder, &provider, "lazaret")]);
    let admin = server.admin();
    for (person, code, why) in [
        ("a.ward-admins.audience", "token", "another client"),
        ("a.ward-admins.audiences", "token", "another client"),
        ("a.ward-admins.issuer", "token", "another provider"),
        ("a.ward-admins.nonce", "token", "another sign-in"),
        ("a.ward-admins.expired", "token", "the ID token ended 36"),
        ("a.ward-admins.future", "token", "in the future"),
        ("a.ward-admins.stranger", "token", "does not publish"),
        ("a.ward-admins.forged", "token", "signature is wrong"),
        ("a.staff.tampered", "token", "signature is wrong"),
        ("a.ward-admins.unsigned", "token", "of kind none"),
        ("a.ward-admins.secret", "token", "of kind HS256"),
        ("a.ward-admins.broken", "token", "is no ID token"),
        ("a.visitors", "no-role", "none of the groups"),
        ("a", "no-role", "none of the groups"),
    ] {
        let browser = Browser::new(&folder, person);
        assert_eq!(browser.sign_in(&server, person), format!("/?refused={code}"), "{person}");
        let (action, subject, detail) = newest(&admin);
        assert_eq!(
            (&*action, subject),
            ("refuse-sign-in", format!("user of {}", provider.issuer)),
            "{person}"
        );
        assert_eq!(
            (detail["code"].as_str(), detail["from"].as_str()),
            (Some(code), Some("127.0.0.1")),
            "{person}"
        );
        assert!(detail["why"].as_str().unwrap().contains(why), "{person}: {detail}");
        assert_eq!(browser.session(&server).status, 401, "{person}");
    }
    assert_eq!(admin.get("/api/v1/users")["users"].as_array().unwrap().len(), 1, "nobody was made a user");
    nothing_leaks(&folder, &server, &provider, 30);
}

#[test]
fn an_answer_is_good_once_and_for_the_browser_that_asked() {
    let Some(place) = packages() else { return };
    let folder = Folder::new("provider-replays");
    let provider = Provider::start(&place, &[]);
    let server = Server::start(&folder, &["--no-tls", "--oidc", &file(&folder, &provider, "lazaret")]);
    let admin = server.admin();
    let (browser, other) = (Browser::new(&folder, "one"), Browser::new(&folder, "other"));
    let refused = |why: &str| {
        let (action, _, detail) = newest(&admin);
        assert_eq!(action, "refuse-sign-in");
        assert!(detail["why"].as_str().unwrap().contains(why), "{why}: {detail}");
    };
    let back = browser.through(&server, "ostrava.staff");
    let state = back.split(['?', '&']).find_map(|part| part.strip_prefix("state=")).unwrap();
    // In another browser, which somebody sent the link; then with another state, and as another provider's.
    assert_eq!(other.arrive(&server, &back), "/?refused=stale");
    refused("this browser began none");
    let turned: String = state.chars().rev().collect();
    assert_ne!(turned, state);
    // What does not fit leaves the sign-in as it was, so the browser's cookie is kept for what follows.
    let cookies = fs::read(&browser.jar).unwrap();
    assert_eq!(browser.arrive(&server, &back.replace(state, &turned)), "/?refused=stale");
    refused("its state is another");
    fs::write(&browser.jar, &cookies).unwrap();
    assert_eq!(browser.arrive(&server, &back), "/");
    assert_eq!(browser.session(&server).json()["role"], "viewer");
    // Again, with the cookie that the server has taken back.
    fs::write(&browser.jar, &cookies).unwrap();
    assert_eq!(browser.arrive(&server, &back), "/?refused=stale");
    refused("it was used");
    // The code again, in a sign-in of its own: the provider knows that it was used.
    let code =
        |back: &str| back.split(['?', '&']).find_map(|part| part.strip_prefix("code=")).unwrap().to_owned();
    let again = other.through(&server, "ostrava.staff");
    assert_eq!(other.arrive(&server, &again.replace(&code(&again), &code(&back))), "/?refused=code");
    refused("invalid_grant");
    // A provider that says no, and one that says who it is and is another.
    let third = other.through(&server, "ostrava.staff");
    let (before, _) = third.split_once('?').unwrap();
    let state = third.split(['?', '&']).find(|part| part.starts_with("state=")).unwrap();
    let elsewhere = format!("{before}?{state}&code=x&iss=http%3A%2F%2F127.0.0.1%3A1");
    assert_eq!(other.arrive(&server, &elsewhere), "/?refused=stale");
    refused("another provider's");
    let fourth = other.through(&server, "ostrava.staff");
    let state = fourth.split(['?', '&']).find(|part| part.starts_with("state=")).unwrap();
    let issuer = fourth.split(['?', '&']).find(|part| part.starts_with("iss=")).unwrap();
    let denied = format!("{before}?{state}&{issuer}&error=access_denied");
    assert_eq!(other.arrive(&server, &denied), "/?refused=provider-refused");
    refused("access_denied");
    nothing_leaks(&folder, &server, &provider, 6);
}

#[test]
fn a_provider_that_is_down_or_has_new_keys_or_takes_somebody_out_is_followed() {
    let Some(place) = packages() else { return };
    let folder = Folder::new("provider-turns");
    let provider = Provider::start(&place, &[]);
    let port = provider.port();
    let server = Server::start(&folder, &["--no-tls", "--oidc", &file(&folder, &provider, "lazaret")]);
    let admin = server.admin();
    let browser = Browser::new(&folder, "one");
    assert_eq!(browser.sign_in(&server, "ostrava.staff"), "/");
    // It goes while somebody is there.
    let late = Browser::new(&folder, "late");
    let back = late.through(&server, "late.staff");
    drop(provider);
    assert_eq!(late.arrive(&server, &back), "/?refused=provider-down");
    let (action, _, detail) = newest(&admin);
    assert_eq!((&*action, detail["code"].as_str()), ("refuse-sign-in", Some("provider-down")));
    assert!(server.all_said().contains("sign-in by Hospital account: the provider does not answer"));
    assert_eq!(browser.session(&server).status, 200, "who is in stays in");
    // It comes back with other keys, which are asked for because one is not known, and without one of its groups.
    let provider = Provider::start(&place, &[("PORT", &port), ("WITHOUT", "staff")]);
    let changed = Browser::new(&folder, "changed");
    assert_eq!(changed.sign_in(&server, "haldis.ward-admins"), "/");
    assert_eq!(changed.session(&server).json()["role"], "admin");
    let elsewhere = Browser::new(&folder, "elsewhere");
    assert_eq!(elsewhere.sign_in(&server, "ostrava.staff"), "/?refused=no-role");
    assert_eq!(newest(&admin).1, "user ostrava", "it is known who this was");
    assert_eq!(browser.session(&server).status, 401, "who is in no group any more is out everywhere");
    nothing_leaks(&folder, &server, &provider, 3);
}

#[test]
fn a_provider_over_tls_is_believed_by_the_certificate_that_the_site_names() {
    let Some(place) = packages() else { return };
    let folder = Folder::new("provider-tls");
    let certificate = |name: &str, host: &str| {
        let made = rcgen::generate_simple_self_signed(vec![host.to_owned()]).unwrap();
        fs::create_dir_all(folder.path(name)).unwrap();
        fs::write(folder.path(name).join("cert.pem"), made.cert.pem()).unwrap();
        fs::write(folder.path(name).join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    };
    certificate("right", "127.0.0.1");
    certificate("other", "127.0.0.1");
    certificate("misnamed", "id.example");
    let sign_in = |tls: &str, ca: Option<&str>| {
        let provider = Provider::start(&place, &[("TLS", &folder.text(tls))]);
        assert!(provider.issuer.starts_with("https://"), "{}", provider.issuer);
        let ca = ca.map_or_else(String::new, |ca| format!("ca = '{ca}/cert.pem'"));
        let path = file_with(&folder, &provider, "lazaret", &ca);
        drop(fs::remove_dir_all(folder.path("store")));
        let server = Server::start(&folder, &["--no-tls", "--oidc", &path]);
        let admin = server.admin();
        let mut browser = Browser::new(&folder, "one");
        browser.forget();
        browser.ca = Some(folder.text(&format!("{tls}/cert.pem")));
        let door = format!("{}/api/v1/session/provider", server.base);
        let page = browser.step(&door, &[]);
        assert_eq!(page.status, 303, "{}", page.body);
        if !page.to.starts_with("https://") {
            let (_, _, detail) = newest(&admin);
            return format!("{} {}", page.to, detail["why"]);
        }
        assert_eq!(browser.sign_in(&server, "haldis.biomed"), "/");
        nothing_leaks(&folder, &server, &provider, 2);
        browser.session(&server).json()["role"].to_string()
    };
    assert_eq!(sign_in("right", Some("right")), "\"analyst\"");
    for (tls, ca, why) in [
        ("right", Some("other"), "invalid peer certificate"),
        ("right", None, "invalid peer certificate"),
        ("misnamed", Some("misnamed"), "not valid for name"),
    ] {
        let said = sign_in(tls, ca);
        assert!(said.contains("/?refused=provider-down") && said.contains(why), "{tls} {ca:?}: {said}");
    }
}

#[test]
fn a_provider_that_was_never_there_is_said_to_be_so() {
    if !has("curl") {
        return;
    }
    let folder = Folder::new("provider-never");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let path = folder.text("oidc.toml");
    let text = format!(
        "schema = 1\nname = 'H'\nissuer = '{issuer}'\nclient_id = 'c'\n[roles]\nviewer = ['staff']\n"
    );
    fs::write(&path, text).unwrap();
    let server = Server::start(&folder, &["--no-tls", "--oidc", &path]);
    server.until("it says that the provider does not answer", |said| {
        said.contains("H does not answer as it should")
    });
    let admin = server.admin();
    let browser = Browser::new(&folder, "one");
    let door = format!("{}/api/v1/session/provider", server.base);
    // Also when it was asked so often that it is not asked again.
    for _ in 0..8 {
        assert_eq!(browser.arrive(&server, &door), "/?refused=provider-down");
    }
    let (action, _, detail) = newest(&admin);
    assert_eq!((&*action, detail["code"].as_str()), ("refuse-sign-in", Some("provider-down")));
}
