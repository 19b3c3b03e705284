//! The console beside a gateway, and whoever looks at it without a browser.

use std::{
    fs,
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use bytes::Bytes;

use crate::{
    client::{Client, Reply},
    gateway::{Gateway, binary, ready_line},
};

/// A running console; it ends with its handle.
pub struct Console {
    child: Child,
    address: SocketAddr,
    secure: bool,
}

/// Somebody who is logged in.
pub struct Visitor<'a> {
    console: &'a Console,
    client: &'a Client,
    cookie: String,
}

/// Makes `name` a user of the console of `gateway`.
pub fn add_user(gateway: &Gateway, name: &str, role: &str, password: &str) -> Result<()> {
    let file = gateway.folder().join("password");
    fs::write(&file, format!("{password}\n"))?;
    let file_name = file.display().to_string();
    let arguments = [
        "console",
        "user",
        "add",
        name,
        "--role",
        role,
        "--password-file",
        &file_name,
    ];
    let config = config(gateway);
    let output = gateway.cli(&[&arguments[..], &["--config", &config]].concat())?;
    fs::remove_file(file)?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{errors}");
    Ok(())
}

/// Makes `name` a user of the console of `gateway` that shows a certificate of this name.
pub fn add_certified(gateway: &Gateway, name: &str, role: &str, certificate: &str) -> Result<()> {
    let config = config(gateway);
    let arguments = ["console", "user", "add", name, "--role", role];
    let more = ["--certificate", certificate, "--config", &config];
    let output = gateway.cli(&[&arguments[..], &more].concat())?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{errors}");
    Ok(())
}

/// Makes `name` a program that may ask the console of `gateway`; its token.
pub fn add_program(gateway: &Gateway, name: &str, role: &str) -> Result<String> {
    let config = config(gateway);
    let arguments = [
        "console", "user", "add", name, "--role", role, "--token", "--config", &config,
    ];
    let output = gateway.cli(&arguments)?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{errors}");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The configuration's file.
pub fn config(gateway: &Gateway) -> String {
    gateway.folder().join("tidegate.yaml").display().to_string()
}

impl Console {
    /// Starts that of `gateway`.
    pub fn start(gateway: &Gateway) -> Result<Self> {
        let url = gateway.admin_url("")?;
        let admin = url.strip_prefix("http://").context("no address")?;
        let errors = fs::File::create(gateway.folder().join("console.log"))?;
        let mut child = Command::new(binary()?)
            .args(["console", "--config", &config(gateway), "--admin", admin])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()?;
        let ready = ready_line(&mut child);
        let ready = match ready {
            Ok(ready) => ready,
            Err(error) => {
                child.kill().ok();
                child.wait().ok();
                let told = fs::read_to_string(gateway.folder().join("console.log"))?;
                return Err(error.context(told));
            }
        };
        Ok(Self {
            child,
            address: ready.first()?,
            secure: false,
        })
    }

    /// The same, spoken to by TLS.
    #[must_use]
    pub fn by_tls(mut self) -> Self {
        self.secure = true;
        self
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of `path`.
    pub fn url(&self, path: &str) -> String {
        if self.secure {
            format!("https://localhost:{}{path}", self.address.port())
        } else {
            format!("http://{}{path}", self.address)
        }
    }

    /// What comes of an attempt to log in: the answer, and the cookies that it is bound by.
    pub fn try_login(&self, client: &Client, name: &str, password: &str) -> Result<Reply> {
        let page = client.get(&self.url("/login"), &[])?;
        let cookie = cookie(&page).context("the form has no cookie")?;
        let csrf = csrf(&page)?;
        let form = form(&[("name", name), ("password", password), ("csrf", &csrf)]);
        post(client, &self.url("/login"), &cookie, form)
    }

    /// What comes of an attempt to log in by the certificate that `client` shows.
    pub fn try_certificate(&self, client: &Client) -> Result<Reply> {
        let page = client.get(&self.url("/login"), &[])?;
        let cookie = cookie(&page).context("the page has no cookie")?;
        // Whoever is offered no form can send one all the same.
        let (_, token) = cookie.split_once('=').context("an empty cookie")?;
        let form = form(&[("csrf", token)]);
        post(client, &self.url("/login/certificate"), &cookie, form)
    }

    /// Logs in by the certificate that `client` shows.
    pub fn certificate<'a>(&'a self, client: &'a Client) -> Result<Visitor<'a>> {
        let reply = self.try_certificate(client)?;
        ensure!(reply.status == 303, "{} {}", reply.status, reply.text());
        let cookie = cookie(&reply).context("no session")?;
        Ok(self.visitor(client, cookie))
    }

    /// Whoever has this cookie.
    pub fn visitor<'a>(&'a self, client: &'a Client, cookie: String) -> Visitor<'a> {
        Visitor {
            console: self,
            client,
            cookie,
        }
    }

    /// Logs in.
    pub fn login<'a>(
        &'a self,
        client: &'a Client,
        name: &str,
        password: &str,
    ) -> Result<Visitor<'a>> {
        let reply = self.try_login(client, name, password)?;
        ensure!(reply.status == 303, "{} {}", reply.status, reply.text());
        let cookie = cookie(&reply).context("no session")?;
        Ok(self.visitor(client, cookie))
    }
}

impl Visitor<'_> {
    /// The cookie of the session.
    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    /// A page.
    pub fn get(&self, path: &str) -> Result<Reply> {
        let cookie = [("cookie", &*self.cookie)];
        self.client.get(&self.console.url(path), &cookie)
    }

    /// The token that the forms of this session have.
    pub fn csrf(&self) -> Result<String> {
        csrf(&self.get("/")?)
    }

    /// Sends a form with the session's token.
    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Result<Reply> {
        let csrf = self.csrf()?;
        let fields = [fields, &[("csrf", &csrf)]].concat();
        self.post_as_is(path, &fields)
    }

    /// Sends a form of these fields alone.
    pub fn post_as_is(&self, path: &str, fields: &[(&str, &str)]) -> Result<Reply> {
        post(
            self.client,
            &self.console.url(path),
            &self.cookie,
            form(fields),
        )
    }
}

/// The cookie that an answer sets, as it is sent back.
pub fn cookie(reply: &Reply) -> Option<String> {
    let set = reply.header("set-cookie")?;
    Some(set.split(';').next()?.to_owned())
}

/// The token of a page's forms.
pub fn csrf(page: &Reply) -> Result<String> {
    let text = page.text();
    let (_, rest) = text
        .split_once("name=\"csrf\" value=\"")
        .ok_or_else(|| anyhow!("no token in {text}"))?;
    let (token, _) = rest.split_once('"').context("no end")?;
    Ok(token.to_owned())
}

fn post(client: &Client, url: &str, cookie: &str, form: String) -> Result<Reply> {
    let headers = [
        ("cookie", cookie),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    client.send("POST", url, &headers, Bytes::from(form))
}

/// Fields as a form sends them.
fn form(fields: &[(&str, &str)]) -> String {
    let encoded = |text: &str| {
        let bytes = text.bytes();
        let each = bytes.map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        });
        each.collect::<String>()
    };
    let pairs = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

impl Drop for Console {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
