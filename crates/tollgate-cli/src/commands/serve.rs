use crate::args::{Global, ServeArgs};
use crate::exit::{Trouble, code};
use crate::{config, ui};

pub(crate) async fn run(args: ServeArgs, global: &Global) -> Result<(), Trouble> {
    if !args.listen.ip().is_loopback() {
        return Err(Trouble::new(
            code::USAGE,
            format!("{} is not a loopback address", args.listen),
        )
        .with_hint("callers have no keys yet, so the gateway listens on this machine only"));
    }
    let gateway = config::gateway(global).await?;
    let listener = tokio::net::TcpListener::bind(args.listen)
        .await
        .map_err(|error| {
            Trouble::new(
                code::USAGE,
                format!("cannot listen on {}: {error}", args.listen),
            )
        })?;
    ui::note(format!("listening on http://{}/v1", listener.local_addr()?));
    axum_serve(listener, gateway.clone()).await?;
    gateway.shutdown().await;
    Ok(())
}

async fn axum_serve(
    listener: tokio::net::TcpListener,
    gateway: tollgate::Gateway,
) -> Result<(), Trouble> {
    tollgate_server::serve(listener, gateway, async {
        let _ = tokio::signal::ctrl_c().await;
    })
    .await
    .map_err(Trouble::from)
}
