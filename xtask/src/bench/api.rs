//! Pages of the API over a large store: 100,000 findings about 20,000 assets, as a browser's connection sees them.

use super::{built, cpu};
use clap::Args;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Longest page, in milliseconds. The issue's limit.
const PAGE_MS_MAX: f64 = 200.0;

/// What the store must hold, so that its pages say something.
const FINDINGS_MIN: i64 = 100_000;
const ASSETS_MIN: i64 = 20_000;
/// Lists that fill a page in such a store.
const FULL: &[&str] = &["findings?limit=100", "assets?limit=100", "conversations?limit=100"];
const PAGE_ROWS: usize = 100;

/// What is asked, each with pages to follow where it has them.
const ASKED: &[&str] = &[
    "overview",
    "map",
    "containment",
    "findings?limit=100",
    "findings?limit=100&state=new,acknowledged",
    "findings?limit=100&state=resolved",
    "findings?limit=100&severity=critical&sort=last",
    "findings?limit=100&sort=first&order=asc",
    "findings?limit=100&rule=offsite-egress",
    "findings?limit=100&text=host%2099",
    "findings?limit=100&text=nothing%20has%20this",
    "assets?limit=100",
    "assets?limit=100&medical=true",
    "assets?limit=100&sort=last",
    "assets?limit=100&sort=class&order=asc",
    "assets?limit=100&sort=findings",
    "assets?limit=100&text=10.0.7",
    "assets?limit=100&text=nothing-has-this",
    "conversations?limit=100",
    "conversations?limit=100&where=offsite",
    "conversations?limit=100&ip=202.114.0.7",
    "captures",
    "audit?limit=100",
    "beds",
    "sensors",
];

/// Times pages of the API over a large store, through a socket; fails where one takes longer than 200 ms, or where the
/// store holds less than 100,000 findings about 20,000 assets.
#[derive(Args)]
pub struct BenchApi {
    /// Folder for the store; made once, used again.
    #[arg(long, default_value = "/var/tmp/lazaret-bench")]
    folder: PathBuf,
    /// Pages of each list, one after the other.
    #[arg(long, default_value_t = 20)]
    pages: u32,
    /// The binary to measure; built for release where it is not given.
    #[arg(long)]
    lazaret: Option<PathBuf>,
}

impl BenchApi {
    /// Measures, and prints a table for the book.
    pub fn run(&self) -> Result<(), String> {
        let lazaret = self.lazaret.clone().map_or_else(|| built("lazaret"), Ok)?;
        fs::create_dir_all(&self.folder)
            .map_err(|why| format!("cannot make {}: {why}", self.folder.display()))?;
        let made = self.folder.join("pages.store");
        if !made.exists() {
            let path = made.display().to_string();
            let profile =
                ["run", "--quiet", "--profile", "ci", "--locked", "-p", "store", "--example", "pages", "--"];
            cpu::run("cargo", &[&profile[..], &[&path]].concat())?;
        }
        // A copy: the server makes its first user in it.
        let store = self.folder.join("pages-served.store");
        drop(fs::remove_dir_all(&store));
        cpu::run("cp", &["-r", &made.display().to_string(), &store.display().to_string()])?;
        println!("machine: {}", cpu::machine());
        let server = Server::start(&lazaret, &store)?;
        let (overview, _) = server.get("overview")?;
        is_large(&serde_json::from_str(&overview).map_err(|why| format!("overview: {why}"))?)?;
        println!("\n| asked | pages | longest ms | mean ms | bytes a page |\n|---|---:|---:|---:|---:|");
        let mut longest = 0.0_f64;
        for asked in ASKED {
            longest = longest.max(self.pages(&server, asked)?);
        }
        if longest > PAGE_MS_MAX {
            return Err(format!("a page took {longest:.0} ms, over {PAGE_MS_MAX:.0} ms"));
        }
        Ok(())
    }

    /// The longest of the pages of one list.
    fn pages(&self, server: &Server, asked: &&str) -> Result<f64, String> {
        let (mut taken, mut bytes, mut after) = (Vec::new(), 0, String::new());
        for _ in 0..self.pages {
            let (page, milliseconds) = server.get(&format!("{asked}{after}"))?;
            bytes += page.len();
            taken.push(milliseconds);
            let page: Value = serde_json::from_str(&page).map_err(|why| format!("{asked}: {why}: {page}"))?;
            let name = asked.split('?').next().unwrap_or_default();
            let rows = page[name].as_array().map_or(0, Vec::len);
            if FULL.contains(asked) && rows < PAGE_ROWS {
                return Err(format!("{asked}: a page of {rows} rows; nothing was measured"));
            }
            let next = page["next"]
                .as_str()
                .map(str::to_owned)
                .or(page["next"].as_i64().map(|next| next.to_string()));
            after = match next {
                Some(next) if asked.contains('?') => format!("&after={next}"),
                Some(next) => format!("?after={next}"),
                // What has one page is asked for again.
                None => String::new(),
            };
        }
        let longest = taken.iter().copied().fold(0.0, f64::max);
        let (count, mean) = (taken.len(), taken.iter().sum::<f64>() / taken.len() as f64);
        println!("| {asked} | {count} | {longest:.0} | {mean:.1} | {} |", bytes / count);
        Ok(longest)
    }
}

/// Whether the store that the server has is the one that is to be measured.
fn is_large(overview: &Value) -> Result<(), String> {
    let sum = |of: &str| {
        overview[of].as_object().into_iter().flatten().filter_map(|(_, n)| n.as_i64()).sum::<i64>()
    };
    let (findings, assets) = (sum("findings"), sum("assets"));
    println!("store: {findings} findings, {assets} assets");
    if findings < FINDINGS_MIN || assets < ASSETS_MIN {
        return Err(format!(
            "{FINDINGS_MIN} findings and {ASSETS_MIN} assets are the least that says something; delete the folder's \
             pages.store, and it is made anew"
        ));
    }
    Ok(())
}

/// A server that ends with the measurement.
struct Server {
    child: Child,
    base: String,
    bearer: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Server {
    fn start(lazaret: &Path, store: &Path) -> Result<Self, String> {
        let mut child = Command::new(lazaret)
            .args(["serve", "--no-tls", "--listen", "127.0.0.1:0", "--store", &store.display().to_string()])
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|why| format!("cannot run {}: {why}", lazaret.display()))?;
        let stderr = child.stderr.take().ok_or("no standard error")?;
        let mut server = Self { child, base: String::new(), bearer: String::new() };
        let mut lines = BufReader::new(stderr).lines();
        let link = lines.find_map(|line| line.ok().filter(|line| line.contains("/setup#")));
        // The rest is read so that the server never waits to say it.
        std::thread::spawn(move || lines.for_each(drop));
        let link = link.ok_or("the server did not start")?;
        let (base, secret) = link.trim().split_once("/setup#").ok_or("no link")?;
        server.base = base.to_owned();
        let body = json!({ "secret": secret, "name": "bench", "password": "green lamp by the door" });
        let jar = store.join("jar").display().to_string();
        let made = server.post("setup", &body, &["--cookie-jar", &jar])?;
        let csrf = format!("X-CSRF-Token: {}", made["csrf"].as_str().unwrap_or_default());
        let body = json!({ "name": "bench", "role": "admin" });
        let made = server.post("tokens", &body, &["--cookie", &jar, "--header", &csrf])?;
        server.bearer =
            format!("Authorization: Bearer {}", made["secret"].as_str().ok_or(format!("no token: {made}"))?);
        Ok(server)
    }

    fn post(&self, path: &str, body: &Value, more: &[&str]) -> Result<Value, String> {
        let (url, body) = (format!("{}/api/v1/{path}", self.base), body.to_string());
        let base = ["--silent", &url, "--header", "content-type: application/json", "--data", &body];
        let text = said(&[&base[..], more].concat())?;
        serde_json::from_str(&text).map_err(|why| format!("{path}: {why}: {text}"))
    }

    /// The answer, and the milliseconds from the request to its last byte.
    fn get(&self, path: &str) -> Result<(String, f64), String> {
        let url = format!("{}/api/v1/{path}", self.base);
        let text = said(&[
            "--silent",
            "--header",
            &self.bearer,
            &url,
            "--write-out",
            "\n%{http_code} %{time_total}",
        ])?;
        let (answer, figures) = text.rsplit_once('\n').ok_or("curl said nothing")?;
        let (status, seconds) = figures.split_once(' ').ok_or("curl said no figures")?;
        if status != "200" {
            return Err(format!("{path}: {status}: {answer}"));
        }
        let seconds: f64 = seconds.parse().map_err(|why| format!("{figures}: {why}"))?;
        Ok((answer.to_owned(), seconds * 1e3))
    }
}

/// What curl says.
fn said(arguments: &[&str]) -> Result<String, String> {
    let output =
        Command::new("curl").args(arguments).output().map_err(|why| format!("cannot run curl: {why}"))?;
    String::from_utf8(output.stdout).map_err(|why| why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_empty_or_small_is_not_measured() {
        let overview = |new: i64, resolved: i64, medical: i64, other: i64| {
            json!({
                "findings": { "new": new, "resolved": resolved },
                "assets": { "medical": medical, "other": other },
            })
        };
        assert!(is_large(&overview(99_000, 1_000, 5_000, 15_000)).is_ok());
        for small in [
            overview(0, 0, 0, 0),
            overview(99_000, 999, 5_000, 15_000),
            overview(100_000, 0, 1, 2),
            json!({}),
        ] {
            assert!(is_large(&small).is_err(), "{small}");
        }
    }
}
