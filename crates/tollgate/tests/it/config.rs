//! Layers, messages and the mission's own file.

use std::path::PathBuf;

use tollgate::{Billing, ConfigOrigin, Loader};

use crate::support::MISSION;

fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn the_file_of_the_mission_loads_unchanged_and_every_key_counts() {
    let config = Loader::new()
        .with_environment(environment(&[("OPENROUTER_API_KEY", "sk-or-v1-secret")]))
        .with_text("tollgate.toml", MISSION)
        .load()
        .unwrap();
    let openrouter = &config.openrouter;
    assert_eq!(
        openrouter.api_key.as_ref().unwrap().reveal(),
        "sk-or-v1-secret"
    );
    assert_eq!(openrouter.base_url, "https://openrouter.ai/api/v1");
    assert_eq!(Billing::from(openrouter.mode), Billing::Credits);
    assert_eq!(
        openrouter.default_model.as_ref().unwrap().as_str(),
        "anthropic/claude-3-sonnet"
    );
    assert!(openrouter.enable_fallback && openrouter.track_usage);
    assert_eq!(openrouter.routing.code_models.len(), 2);
    assert_eq!(openrouter.routing.chat_models.len(), 2);
    assert_eq!(openrouter.routing.reasoning_models.len(), 2);
    assert_eq!(openrouter.optimization.mode, "balanced");
    assert_eq!(openrouter.optimization.fallback_chain.len(), 3);
    assert_eq!(
        openrouter
            .optimization
            .max_cost_per_request
            .unwrap()
            .nanos(),
        100_000_000
    );
    assert!(!openrouter.optimization.prefer_free_tier);
}

#[test]
fn later_layers_win() {
    let config = Loader::new()
        .with_environment(environment(&[
            ("TOLLGATE_OPENROUTER__OPTIMIZATION__MODE", "quality"),
            ("TOLLGATE_OPENROUTER__TIMEOUT_MS", "1000"),
        ]))
        .with_text("a.toml", "[openrouter]\ntimeout_ms = 1\nmode = \"byok\"\n")
        .with_key("openrouter.timeout_ms", "2000")
        .load()
        .unwrap();
    assert_eq!(config.openrouter.optimization.mode, "quality");
    assert_eq!(config.openrouter.timeout_ms, 2000);
    assert_eq!(Billing::from(config.openrouter.mode), Billing::Byok);
}

fn problem(toml: &str) -> tollgate::Problem {
    let error = Loader::new()
        .with_environment(Vec::new())
        .with_text("my.toml", toml)
        .load()
        .unwrap_err();
    error.problems[0].clone()
}

fn at(line: usize, column: usize) -> ConfigOrigin {
    ConfigOrigin::File(PathBuf::from("my.toml"), Some((line, column)))
}

#[test]
fn problems_name_key_place_and_remedy() {
    let misspelt = problem("[openrouter]\nmdoe = \"byok\"\n");
    assert_eq!(misspelt.key, "openrouter.mdoe");
    assert_eq!(misspelt.origin, at(2, 1));
    assert_eq!(misspelt.hint.as_deref(), Some("did you mean \"mode\"?"));

    let value = problem("[openrouter]\nmode = \"byokk\"\n");
    assert_eq!(value.origin, at(2, 1));
    assert!(value.hint.unwrap().contains("byok"));

    let unset = problem("[openrouter]\n\napi_key = \"${NOT_SET_ANYWHERE}\"\n");
    assert_eq!(unset.key, "openrouter.api_key");
    assert_eq!(unset.origin, at(3, 1));
    assert!(unset.message.contains("NOT_SET_ANYWHERE"));

    let syntax = problem("[openrouter\n");
    assert!(matches!(syntax.origin, ConfigOrigin::File(_, Some((1, _)))));

    let nothing = problem("[openrouter.optimization]\nmax_cost_per_request = 0\n");
    assert_eq!(nothing.key, "openrouter.optimization.max_cost_per_request");
    assert_eq!(nothing.origin, at(2, 1));
}

#[test]
fn secrets_are_in_no_message() {
    let error = Loader::new()
        .with_environment(environment(&[("SECRET", "sk-or-v1-canary")]))
        .with_text("my.toml", "[openrouter]\napi_key = [\"${SECRET}\"]\n")
        .load()
        .unwrap_err();
    assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    let config = Loader::new()
        .with_environment(environment(&[("SECRET", "sk-or-v1-canary")]))
        .with_text("my.toml", "[openrouter]\napi_key = \"${SECRET}\"\n")
        .load()
        .unwrap();
    assert!(!format!("{config:?}").contains("canary"));
}

#[test]
fn a_problem_in_the_environment_names_the_variable() {
    let error = Loader::new()
        .with_environment(environment(&[("TOLLGATE_OPENROUTER__TIMEOUT_MS", "soon")]))
        .load()
        .unwrap_err();
    assert_eq!(
        error.problems[0].origin,
        ConfigOrigin::Environment("TOLLGATE_OPENROUTER__TIMEOUT_MS".into())
    );
}

#[test]
fn the_standard_variables_of_opentelemetry_count_until_the_file_says_otherwise() {
    let variables = environment(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
        ("OTEL_SERVICE_NAME", "gate"),
    ]);
    let check = |toml: &str, endpoint: &str, service: &str| {
        let loader = Loader::new().with_environment(variables.clone());
        let telemetry = loader.with_text("my.toml", toml).load().unwrap().telemetry;
        assert_eq!(telemetry.otlp_endpoint, endpoint, "{toml}");
        assert_eq!(telemetry.service_name, service, "{toml}");
    };
    check("", "http://collector:4318", "gate");
    check("[telemetry]\notlp_endpoint = \"\"\n", "", "gate");
    check(
        "[telemetry]\notlp_endpoint = \"https://other\"\nservice_name = \"mine\"\n",
        "https://other",
        "mine",
    );
}

#[test]
fn telemetry_that_cannot_work_is_told_with_its_place() {
    for (line, key) in [
        (
            "otlp_endpoint = \"collector:4318\"",
            "telemetry.otlp_endpoint",
        ),
        (
            "otlp_endpoint = \"httpx://collector\"",
            "telemetry.otlp_endpoint",
        ),
        ("sample_ratio = 1.5", "telemetry.sample_ratio"),
        ("sample_ratio = -0.1", "telemetry.sample_ratio"),
        ("sample_ratio = nan", "telemetry.sample_ratio"),
        ("service_name = \"\"", "telemetry.service_name"),
    ] {
        let problem = problem(&format!("[telemetry]\n{line}\n"));
        assert_eq!(
            (problem.key.as_str(), problem.origin),
            (key, at(2, 1)),
            "{line}"
        );
        assert!(problem.hint.is_some(), "{line}");
    }
}

#[test]
fn headers_for_the_collector_are_secret() {
    let headers = "[telemetry.otlp_headers]\nx-key = \"canary\"\n";
    let loader = Loader::new().with_environment(Vec::new());
    let config = loader.with_text("my.toml", headers).load().unwrap();
    assert!(!format!("{config:?}").contains("canary"));
    let wrong = problem("[telemetry]\notlp_headers = \"x-key=canary\"\n");
    assert!(!format!("{wrong:?}").contains("canary"), "{wrong:?}");
}

fn load(toml: &str) -> tollgate::Config {
    let loader = Loader::new().with_environment(Vec::new());
    loader.with_text("my.toml", toml).load().unwrap()
}

#[test]
fn a_known_provider_needs_its_key_alone_and_its_table_has_the_last_word() {
    let config = load(
        "[providers.groq]\napi_key = \"sk-1\"\n\
         [providers.work]\nprovider = \"openai\"\nbase_url = \"https://proxy.example.com/v1\"\n",
    );
    let groq = &config.providers["groq"];
    assert_eq!(groq.base_url, "https://api.groq.com/openai/v1");
    assert_eq!(groq.provider.as_deref(), Some("groq"));
    let work = &config.providers["work"];
    assert_eq!(work.base_url, "https://proxy.example.com/v1");
    assert_eq!(
        work.output_limit,
        tollgate::OutputLimitField::MaxCompletionTokens
    );
}

#[test]
fn a_provider_that_nobody_knows_needs_an_address_and_models() {
    let found = problem("[providers.mine]\nmodels = { \"a/b\" = \"b\" }\n");
    assert!(found.message.contains("base_url"), "{found}");
    assert!(found.hint.unwrap().contains("ollama"));
    let found = problem("[providers.mine]\nbase_url = \"http://127.0.0.1:1/v1\"\n");
    assert!(found.hint.unwrap().contains("`models`"));
    let found =
        problem("[providers.mine]\nprovider = \"opanai\"\nbase_url = \"http://127.0.0.1:1\"\n");
    assert_eq!(found.key, "providers.mine.provider");
    assert_eq!(found.hint.as_deref(), Some("did you mean \"openai\"?"));
    assert_eq!(found.origin, at(2, 1));
}

#[test]
fn two_keys_cannot_make_one_lane_and_direct_ones_have_no_mode() {
    let provider = "base_url = \"http://127.0.0.1:1/v1\"\nmodels = {}\n";
    let found = problem(&format!(
        "[providers.one]\n{provider}api_keys = [\"1\", \"2\"]\n[providers.one-2]\n{provider}"
    ));
    assert!(found.message.contains("one-2"), "{found}");
    let found = problem(&format!(
        "[providers.one]\n{provider}api_keys = [{{ key = \"1\", mode = \"byok\" }}]\n"
    ));
    assert_eq!(found.key, "providers.one.api_keys");
    let found = problem("[openrouter]\napi_keys = [{ key = \"sk-secret\", wieght = 2 }]\n");
    assert!(!found.to_string().contains("sk-secret"), "{found}");
    assert!(found.to_string().contains("weight"), "{found}");
}

#[test]
fn dates_outside_of_files_are_text() {
    let config = Loader::new()
        .with_environment(environment(&[(
            "TOLLGATE_OPENROUTER__APP_TITLE",
            "2026-01-01 10:00:00",
        )]))
        .with_key("openrouter.account", "2026-01-01")
        .with_key("openrouter.app_categories", "[2026-01-02]")
        .load()
        .unwrap();
    let openrouter = &config.openrouter;
    assert_eq!(openrouter.account.as_deref(), Some("2026-01-01"));
    assert_eq!(openrouter.app_title.as_deref(), Some("2026-01-01 10:00:00"));
    assert_eq!(openrouter.app_categories, ["2026-01-02"]);
}

#[test]
fn variables_are_resolved_outside_of_files_too() {
    let variables = environment(&[
        ("SECRET", "sk-or-1"),
        ("TOLLGATE_OPENROUTER__ACCOUNT", "${TEAM:-ours}"),
    ]);
    let loader = || Loader::new().with_environment(variables.clone());
    let loaded = loader().with_key("openrouter.api_key", "${SECRET}").load();
    let openrouter = loaded.unwrap().openrouter;
    assert_eq!(openrouter.api_key.unwrap().reveal(), "sk-or-1");
    assert_eq!(openrouter.account.as_deref(), Some("ours"));

    let refused = loader().with_key("openrouter.api_key", "${NOPE}").load();
    let problem = refused.unwrap_err().problems[0].clone();
    assert_eq!(
        (problem.key.as_str(), problem.origin),
        ("openrouter.api_key", ConfigOrigin::Given)
    );
    assert!(problem.message.contains("NOPE"), "{}", problem.message);
}

#[test]
fn what_is_wrong_with_a_whole_table_is_blamed_on_who_set_it() {
    let loader = |variables: &[(&str, &str)]| {
        Loader::new()
            .with_environment(environment(variables))
            .with_text("my.toml", "[ledger]\npath = \"a.db\"\n")
    };
    let origin = |loader: Loader, key: &str| {
        let problem = loader.load().unwrap_err().problems[0].clone();
        assert_eq!(problem.key, key);
        problem.origin
    };
    for (key, value, table) in [
        ("ledger.store", "postgres", "ledger"),
        (
            "providers.x.base_url",
            "http://127.0.0.1:1/v1",
            "providers.x",
        ),
        (
            "providers.x",
            "{provider=\"opanai\",base_url=\"http://a/v1\"}",
            "providers.x.provider",
        ),
    ] {
        let given = loader(&[]).with_key(key, value);
        assert_eq!(origin(given, table), ConfigOrigin::Given, "{key}");
    }
    let variable = "TOLLGATE_LEDGER__STORE";
    assert_eq!(
        origin(loader(&[(variable, "postgres")]), "ledger"),
        ConfigOrigin::Environment(variable.into())
    );
    // Keys of another table have nothing to do with it.
    let file = "[ledger]\nstore = \"postgres\"\n";
    let given = loader(&[]).with_text("my.toml", file);
    let found = origin(given.with_key("openrouter.account", "ours"), "ledger");
    assert_eq!(found, at(1, 2));
}

#[test]
fn a_variable_that_misses_its_key_by_underscores_is_a_problem() {
    for (name, right) in [
        ("TOLLGATE_OPENROUTER_MODE", "TOLLGATE_OPENROUTER__MODE"),
        (
            "TOLLGATE_OPENROUTER_OPTIMIZATION_MAX_COST_PER_REQUEST",
            "TOLLGATE_OPENROUTER__OPTIMIZATION__MAX_COST_PER_REQUEST",
        ),
        (
            "TOLLGATE_BUDGETS_TEAM_LIMIT",
            "TOLLGATE_BUDGETS__TEAM__LIMIT",
        ),
    ] {
        let loader = Loader::new().with_environment(environment(&[(name, "1")]));
        let problem = loader.load().unwrap_err().problems[0].clone();
        assert_eq!(problem.origin, ConfigOrigin::Environment(name.into()));
        assert_eq!(problem.hint, Some(format!("did you mean {right}?")));
    }
}

#[test]
fn a_variable_that_is_somebody_elses_stops_nothing() {
    let warnings = |name: &str, value: &str| {
        let loader = Loader::new().with_environment(environment(&[(name, value)]));
        let file = "[openrouter]\naccount = \"${TOLLGATE_LEDGER_PATH:-}\"\n";
        loader.with_text("my.toml", file).load().unwrap().warnings
    };
    let [foo] = &warnings("TOLLGATE_FOO", "1")[..] else {
        panic!("it sets nothing, and that is told")
    };
    assert!(foo.contains("TOLLGATE_FOO"), "{foo}");
    for (name, value) in [
        ("TOLLGATE_CONFIG", "a.toml"),
        ("TOLLGATE_TEST_POSTGRES", "postgres://127.0.0.1/test"),
        ("TOLLGATE_PORT", "tcp://10.0.0.7:8787"),
        ("TOLLGATE_SERVICE_HOST", "10.0.0.7"),
        ("TOLLGATE_PORT_8787_TCP_ADDR", "10.0.0.7"),
        // The file asks for it.
        ("TOLLGATE_LEDGER_PATH", "ledger.db"),
        ("OTHER_OPENROUTER_MODE", "byok"),
    ] {
        assert_eq!(warnings(name, value), [""; 0], "{name}");
    }
}
