use super::*;

/// As shells, CI systems, languages and their tools set them.
const ORDINARY_NAMES: &str = "\
    ANDROID_HOME ANT_OPTS APPDATA ATUIN_HISTORY_ID AUTHOR BASH_ENV BUILD_ID BUILD_NUMBER \
    BUNDLE_PATH CARGO_HOME CARGO_INCREMENTAL CARGO_MANIFEST_DIR CARGO_PKG_AUTHORS \
    CARGO_TERM_COLOR CC CFLAGS CGO_ENABLED CI CI_COMMIT_AUTHOR CI_COMMIT_REF_NAME CI_COMMIT_SHA \
    CI_JOB_ID CI_JOB_NAME CI_PIPELINE_SOURCE CI_PROJECT_PATH CI_PROJECT_PATH_SLUG \
    CI_REGISTRY_IMAGE CI_SERVER_URL CIRCLE_BRANCH CLASSPATH CMAKE_PREFIX_PATH COLORTERM COLUMNS \
    COMPASS_HOME CONDA_DEFAULT_ENV CONDA_PREFIX CXX DBUS_SESSION_BUS_ADDRESS DEBIAN_FRONTEND \
    DESKTOP_SESSION DIRENV_DIR DISPLAY DOCKER_HOST DOTNET_ROOT EDITOR EMAIL FORCE_COLOR \
    GIT_ASKPASS GIT_AUTHOR_DATE GIT_AUTHOR_EMAIL GIT_AUTHOR_NAME GIT_BRANCH GIT_COMMIT \
    GIT_COMMITTER_NAME GIT_CONFIG_COUNT GIT_CONFIG_GLOBAL GIT_CONFIG_KEY_0 GIT_CONFIG_NOSYSTEM \
    GIT_CONFIG_VALUE_0 GIT_DIR GIT_EDITOR GIT_PAGER GIT_SSH_COMMAND GITHUB_ACTION GITHUB_ACTIONS \
    GITHUB_ACTOR GITHUB_ENV GITHUB_EVENT_PATH GITHUB_HEAD_REF GITHUB_JOB GITHUB_OUTPUT \
    GITHUB_PATH GITHUB_REF GITHUB_REPOSITORY GITHUB_RUN_ID GITHUB_SHA GITHUB_STEP_SUMMARY \
    GITHUB_WORKSPACE GITLAB_CI GITLAB_USER_LOGIN GOAUTH GOBIN GOCACHE GOFLAGS GOMODCACHE GOOS \
    GOPATH GOPRIVATE GOPROXY GOROOT GOSUMDB GPG_TTY GRADLE_OPTS GRADLE_USER_HOME HISTCONTROL \
    HISTFILE HISTSIZE HOME HOMEBREW_PREFIX HOSTNAME HTTPS_PROXY INFOPATH INIT_CWD INPUTRC \
    JAVA_HOME JAVA_TOOL_OPTIONS JENKINS_URL JOB_NAME LANG LANGUAGE LC_ALL LDFLAGS LD_LIBRARY_PATH \
    LESS LESSOPEN LIBRARY_PATH LINES LOGNAME LS_COLORS MAIL MAKEFLAGS MAKELEVEL MANPAGER MANPATH \
    MAVEN_OPTS MFLAGS NODE NODE_ENV NODE_OPTIONS NODE_PATH NODE_VERSION NO_COLOR NO_PROXY \
    NVM_DIR OLDPWD OPENSSL_DIR PAGER PATH PATTERN PIPENV_VENV_IN_PROJECT PKG_CONFIG_PATH \
    PNPM_HOME POETRY_HOME PROMPT_COMMAND PS1 PWD PYENV_ROOT PYTEST_ADDOPTS PYTEST_CURRENT_TEST \
    PYTHONDONTWRITEBYTECODE PYTHONHASHSEED PYTHONPATH PYTHONUNBUFFERED RUBYLIB RUNNER_ARCH \
    RUNNER_OS RUNNER_TEMP RUNNER_TOOL_CACHE RUSTC RUSTC_WRAPPER RUSTDOCFLAGS RUSTFLAGS \
    RUSTUP_HOME RUSTUP_TOOLCHAIN RUST_BACKTRACE RUST_LOG SBT_OPTS SCCACHE_DIR SDKMAN_DIR \
    SEARCH_PATH SHELL SHLVL SOURCE_DATE_EPOCH SSH_ASKPASS SSH_CLIENT SSH_CONNECTION SSH_TTY \
    SSL_CERT_DIR SSL_CERT_FILE SUDO_ASKPASS SUDO_USER SYSTEM_DEFAULTWORKINGDIRECTORY TEMP TERM \
    TERMINFO TERM_PROGRAM TEST_PATTERN TF_BUILD TMP TMPDIR TOX_ENV_NAME TRAVIS_BRANCH TZ \
    URL_BYPASS USER VIRTUAL_ENV VISUAL VSCODE_GIT_ASKPASS_MAIN VTE_VERSION WAYLAND_DISPLAY \
    WORKSPACE XAUTHORITY XDG_CONFIG_HOME XDG_DATA_DIRS XDG_RUNTIME_DIR XDG_SESSION_TYPE \
    YARN_CACHE_FOLDER ZDOTDIR _ npm_command npm_config_cache npm_config_user_agent \
    npm_execpath npm_lifecycle_event npm_node_execpath npm_package_json npm_package_name";

const SECRET_NAMES: &str = "\
    ANSIBLE_VAULT_PASS AWS_SECRET_ACCESS_KEY AZURE_DEVOPS_EXT_PAT \
    AZURE_STORAGE_CONNECTION_STRING BORG_PASSPHRASE CI_JOB_JWT CI_JOB_JWT_V2 COMPOSER_AUTH \
    ConnectionStrings__Main DB_PASS DB_PASS_2 DB_PW DOCKER_AUTH_CONFIG FTP_CREDS GH_PAT2 \
    GITHUB_PAT GOOGLE_APPLICATION_CREDENTIALS GPG_AGENT_INFO GPG_PASSPHRASE HTTP_AUTHORIZATION \
    MYSQL_PWD NPM_CONFIG__AUTH PAT PGPASSWORD REDISCLI_AUTH RESTIC_PASSPHRASE SQLCONNSTR_a \
    SSHPASS SSH_AUTH_SOCK TWINE_PASSWORD db_pass npm_config_//r.example/:_auth sshpass";

fn variables(of: &[(&str, &str)]) -> Variables {
    of.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn names(of: &Variables) -> Vec<&str> {
    of.keys().filter_map(|name| name.to_str()).collect()
}

#[test]
fn names_of_secrets_are_known_and_no_ordinary_variable_has_one() {
    for name in SECRET_NAMES.split_whitespace() {
        assert!(is_secret_name(name), "{name}");
    }
    for name in ORDINARY_NAMES.split_whitespace() {
        assert!(!is_secret_name(name), "{name}");
    }
}

#[test]
fn a_directory_that_is_remembered_is_no_password() {
    let given = variables(&[("BUILD_PWD", "/"), ("DB_PWD", "/x9"), ("MY_PWD", "tmp")]);
    assert_eq!(names(&without_secrets(given)), ["BUILD_PWD"]);
}

#[test]
fn a_setting_of_git_that_holds_a_token_is_left_out_and_the_others_are_counted_anew() {
    let header = ("http.https://example.com/.extraHeader", "AUTHORIZATION: basic eDpzZWNyZXQ=");
    let address = ("url.https://oauth2:glpat-1234@example.com/.insteadOf", "https://example.com/");
    let helper = ("credential.helper", "!f() { echo password=hunter2; }; f");
    for (key, value) in [header, address, helper] {
        let given = variables(&[
            ("GIT_CONFIG_COUNT", "3"),
            ("GIT_CONFIG_KEY_0", "core.hooksPath"),
            ("GIT_CONFIG_VALUE_0", "hooks"),
            ("GIT_CONFIG_KEY_1", key),
            ("GIT_CONFIG_VALUE_1", value),
            ("GIT_CONFIG_KEY_2", "safe.directory"),
            ("GIT_CONFIG_VALUE_2", "*"),
            ("GIT_CONFIG_KEY_7", "not.counted"),
            ("GIT_CONFIG_VALUE_7", "x"),
        ]);
        let left = variables(&[
            ("GIT_CONFIG_COUNT", "2"),
            ("GIT_CONFIG_KEY_0", "core.hooksPath"),
            ("GIT_CONFIG_VALUE_0", "hooks"),
            ("GIT_CONFIG_KEY_1", "safe.directory"),
            ("GIT_CONFIG_VALUE_1", "*"),
        ]);
        assert_eq!(without_secrets(given), left, "{key}");
    }
    let harmless = variables(&[
        ("GIT_CONFIG_COUNT", "2"),
        ("GIT_CONFIG_KEY_0", "url.ssh://git@example.com/.insteadOf"),
        ("GIT_CONFIG_VALUE_0", "https://example.com/"),
        ("GIT_CONFIG_KEY_1", "credential.helper"),
        ("GIT_CONFIG_VALUE_1", "store"),
        ("GIT_CONFIG_PARAMETERS", "'core.pager=cat'"),
    ]);
    assert_eq!(without_secrets(harmless.clone()), harmless);
    assert!(secret_values(&harmless).is_empty());
    for parameters in [
        "'core.pager=cat' 'http.extraheader=AUTHORIZATION: basic eDpzZWNyZXQ='",
        "'url.https://a:b3@example.com/.insteadof'='https://example.com/'",
    ] {
        let given = variables(&[("GIT_CONFIG_PARAMETERS", parameters)]);
        assert!(without_secrets(given).is_empty(), "{parameters}");
    }
}

#[test]
fn what_must_not_be_seen_is_each_withheld_value_and_the_passwords_of_addresses() {
    for (name, value, secrets) in [
        ("SSHPASS", "hunter2-x", &["hunter2-x"][..]),
        ("EDITOR", "vi", &[]),
        ("HTTPS_PROXY", "http://me:p4ss@proxy:1", &["me:p4ss", "p4ss"]),
        ("DATABASE_URL", "postgres://postgres:postgres@localhost/a", &["postgres:postgres"]),
        (
            "PIP_EXTRA_INDEX_URL",
            "https://a:b1@x/simple https://c:d@2@y/simple",
            &["a:b1", "b1", "c:d@2", "d@2"],
        ),
        ("ORIGIN", "https://ghp_0123456789abcdef@example.com/a", &["ghp_0123456789abcdef"]),
        ("ORIGIN", "ssh://git@example.com/a:b@c", &[]),
        ("ORIGIN", "https://me:@example.com/a", &[]),
        (
            "GIT_CONFIG_PARAMETERS",
            "'http.extraheader=a: basic eDp5'",
            &["'http.extraheader=a: basic eDp5'", "eDp5"],
        ),
    ] {
        let mut found = secret_values(&variables(&[(name, value)]));
        found.dedup();
        assert_eq!(found, secrets, "{name}={value}");
    }
    for (key, value, secrets) in [
        ("http.extraheader", "A: bearer eDp5", &["A: bearer eDp5", "eDp5"][..]),
        ("url.https://a:b1@x/.insteadof", "https://x/", &["a:b1", "b1"]),
    ] {
        let given = variables(&[("GIT_CONFIG_KEY_0", key), ("GIT_CONFIG_VALUE_0", value)]);
        assert_eq!(secret_values(&given), secrets, "{key}");
    }
}
