//! The name of a node, which one process has at a time.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::sleep;
use tokio_postgres::Client;

use crate::connect::{Address, SOON, within};
use crate::{OpenError, PostgresConfig, Result, schema};

/// How often a node looks whether the connection with its name has broken.
const LOOK: Duration = Duration::from_secs(1);

/// A name that is this process's as long as the connection lives that took it,
/// and is taken again when it broke.
pub(crate) struct Name {
    address: Address,
    config: PostgresConfig,
    held: Mutex<Client>,
}

impl Name {
    /// Keeps a name that `client` [took](take), until this is dropped.
    pub(crate) fn keep(address: Address, config: PostgresConfig, client: Client) -> Arc<Self> {
        let name = Arc::new(Self {
            address,
            config,
            held: Mutex::new(client),
        });
        tokio::spawn(watch(Arc::downgrade(&name)));
        name
    }

    /// Returns when the name is this process's.
    ///
    /// # Errors
    /// [`OpenError::NodeTaken`] when another process took it meanwhile.
    pub(crate) async fn hold(&self) -> Result<(), OpenError> {
        let mut held = self.held.lock().await;
        if held.is_closed() {
            *held = take(&self.address, &self.config).await?;
            tracing::info!(node = %self.config.node, "this node has its name again");
        }
        Ok(())
    }
}

/// A new connection that has the node's name.
pub(crate) async fn take(address: &Address, config: &PostgresConfig) -> Result<Client, OpenError> {
    within(SOON, async {
        let client = address.connect().await?;
        schema::take_name(&client, config).await?;
        Ok(client)
    })
    .await
}

/// Takes the name again soon after it was lost, whether there are events or not.
async fn watch(name: Weak<Name>) {
    let mut lost = false;
    loop {
        sleep(LOOK).await;
        let Some(name) = name.upgrade() else {
            return;
        };
        let held = name.hold().await;
        if let Err(error) = held.as_ref()
            && !lost
        {
            tracing::error!(%error, node = %name.config.node, "this node lost its name and records nothing until it has it again");
        }
        lost = held.is_err();
    }
}
