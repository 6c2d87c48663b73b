//! Which addresses may be upstreams.

use std::net::IpAddr;

use reqwest::Url;

use crate::TransportError;

/// Checks a base address: `https`, or `http` to this host; nothing in it but host, port and path.
pub(crate) fn parse(text: &str, allow_plaintext: bool) -> Result<Url, TransportError> {
    let url =
        Url::parse(text.trim()).map_err(|_| refuse(None, "is no URL; write https://host/path"))?;
    let problem = if !matches!(url.scheme(), "https" | "http")
        || url.host_str().is_none_or(str::is_empty)
    {
        "must begin with https:// and a host"
    } else if !url.username().is_empty() || url.password().is_some() {
        "holds a user or password; put the key into api_key"
    } else if url.query().is_some() || url.fragment().is_some() {
        "holds a query or fragment; end it with the path"
    } else if url.scheme() == "http" && !allow_plaintext && !is_loopback(&url) {
        "would send the key unencrypted; use https, or set connection.allow_plaintext = true beside it if the network is yours"
    } else {
        return Ok(url);
    };
    Err(refuse(Some(&url), problem))
}

/// The host behind a base address, with its port when it is not the usual one: what lanes have in
/// common that go out of service together. `None` when it is no address.
///
/// ```
/// use tollgate_transport::authority;
/// assert_eq!(authority("https://OpenRouter.ai/api/v1").as_deref(), Some("openrouter.ai"));
/// assert_eq!(authority("http://127.0.0.1:8080/v1").as_deref(), Some("127.0.0.1:8080"));
/// assert_eq!(authority("openrouter"), None);
/// ```
pub fn authority(base_url: &str) -> Option<String> {
    let url = Url::parse(base_url.trim()).ok()?;
    let host = url.host_str().filter(|host| !host.is_empty())?;
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

/// Whether the host is this machine by its name or number.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// The address of a path below a base. Segments are escaped, so that a model id cannot leave the
/// path.
pub(crate) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(
            path.split('/')
                .filter(|segment| !matches!(*segment, "" | "." | "..")),
        );
    }
    url
}

fn refuse(url: Option<&Url>, problem: &'static str) -> TransportError {
    let shown = |url: &Url| {
        format!(
            "{}://{}{}",
            url.scheme(),
            url.host_str().unwrap_or_default(),
            url.path()
        )
    };
    TransportError::BaseUrl {
        url: url.map(shown).unwrap_or_default(),
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_encrypted_or_local_addresses_without_extras_pass() {
        for good in [
            "https://openrouter.ai/api/v1",
            "http://127.0.0.1:8080/v1",
            "http://[::1]:1/",
            "http://localhost",
        ] {
            assert!(parse(good, false).is_ok(), "{good}");
        }
        let bad = [
            "",
            "openrouter.ai",
            "ftp://a",
            "http://example.com",
            "http://localhost.example.com",
            "https://u:p@example.com",
            "https://example.com/?key=1",
            "https://example.com/#a",
            "http://10.0.0.1",
            "file:///etc/passwd",
        ];
        for bad in bad {
            assert!(parse(bad, false).is_err(), "{bad}");
        }
        assert!(parse("http://10.0.0.1/v1", true).is_ok());
        let error = parse("https://name:secret@example.com/", false)
            .unwrap_err()
            .to_string();
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn paths_stay_below_their_base() {
        let base = parse("https://example.com/api/v1/", false).unwrap();
        for (path, expected) in [
            ("models", "https://example.com/api/v1/models"),
            (
                "models/a/b:free/endpoints",
                "https://example.com/api/v1/models/a/b:free/endpoints",
            ),
            (
                "models/../../x?y#z",
                "https://example.com/api/v1/models/x%3Fy%23z",
            ),
        ] {
            assert_eq!(below(&base, path).as_str(), expected);
        }
    }
}
