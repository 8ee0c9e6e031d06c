//! A sandbox with a day in it, and a client of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bridge_tests::sandbox::call_centre::{Day, Happening, Plan};
use bridge_tests::sandbox::genesys::{Sandbox, SandboxConfig};
use genesys::ports::{Budget, NoRoom, Permit, PortFuture};
use genesys::{Client, ClientCredentials, Limits, Settings, http_client};

/// A budget that hands out everything, and keeps what it learns.
#[derive(Debug, Default)]
pub struct Observed {
    pub reserved: Mutex<usize>,
    pub learned: Mutex<Vec<Limits>>,
}

impl Budget for Observed {
    fn reserve(&self) -> PortFuture<'_, Result<Permit, NoRoom>> {
        *self.reserved.lock().expect("no test panics with it") += 1;
        Box::pin(std::future::ready(Ok(Permit::granted())))
    }

    fn learn(&self, limits: Limits) -> PortFuture<'_, ()> {
        self.learned
            .lock()
            .expect("no test panics with it")
            .push(limits);
        Box::pin(std::future::ready(()))
    }
}

pub struct Scene {
    pub sandbox: Sandbox,
    pub client: Client,
    pub budget: Arc<Observed>,
    pub day: Day,
}

impl Scene {
    /// A sandbox with a small day.
    pub fn new() -> Self {
        Self::with(&SandboxConfig::default())
    }

    pub fn with(config: &SandboxConfig) -> Self {
        let day = Day::generate(&Plan {
            conversations: 400,
            ..Plan::default()
        });
        let sandbox = Sandbox::spawn(config);
        day.fill(&sandbox);
        let budget = Arc::new(Observed::default());
        let client = client(&sandbox, &config.client_secret, budget.clone());
        Self {
            sandbox,
            client,
            budget,
            day,
        }
    }

    /// The first conversation that is as `is` says.
    pub fn find(&self, is: impl Fn(&Happening) -> bool) -> &Happening {
        let found = self.day.happenings.iter().find(|happening| is(happening));
        found.expect("a day of 400 has one")
    }

    /// Id of one of the users of the organisation.
    pub fn user(&self) -> String {
        self.day.cast.agents[0].id.clone()
    }
}

pub fn client(sandbox: &Sandbox, secret: &str, budget: Arc<dyn Budget>) -> Client {
    let http = http_client(
        reqwest::Client::builder(),
        "tests",
        Duration::from_secs(2),
        Duration::from_secs(2),
    )
    .expect("there are certificates");
    let origin = sandbox.base_url().parse().expect("it is an address");
    let settings = Settings {
        api_url: origin,
        login_url: sandbox.base_url().parse().expect("it is an address"),
        credentials: ClientCredentials {
            client_id: "sandbox-client".to_owned(),
            client_secret: secret.into(),
        },
    };
    Client::new(http, settings, budget)
}
