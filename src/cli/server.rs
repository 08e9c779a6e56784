//! What answers on a stack: HTTP, and the small services.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

use tokio::task::JoinSet;

use super::addresses::Ends;
use super::options::{Responder, ServerOptions, Services};
use super::tls_options::Https;
use super::{Failure, exit};
use crate::http;
use crate::runtime::{Net, TcpListener, clock};
use crate::services;
use crate::serving::{Limits, Stopper, stop};

/// Running responders.
pub(super) struct Server {
    stopper: Stopper,
    tasks: JoinSet<()>,
    /// What answers where, for people.
    pub(super) summary: String,
}

impl Server {
    /// Starts HTTP for `dir`, or for the built-in site, and `wanted` services on our addresses.
    pub(super) fn start(
        net: &Net,
        ends: &Ends,
        options: &ServerOptions,
        dir: Option<&Path>,
        wanted: &Services,
        log: Option<&http::AccessLog>,
        https: Option<&Https>,
    ) -> Result<Server, Failure> {
        let (stopper, stop) = stop();
        let mut tasks = JoinSet::new();
        let web = SocketAddr::new(ends.any(), options.port);
        let close_after = options.closes();
        let most = options.max_connections;
        match options.responder {
            Responder::Axum => {
                let router = match dir {
                    Some(dir) => options.files.router(dir)?,
                    None => http::site(),
                };
                let limits = Limits { connections: most, grace: options.http.grace };
                let config = http::Config {
                    close_after,
                    limits,
                    bounds: options.http.bounds(),
                    access_log: log.cloned(),
                    http2: options.tls.http2(),
                    ..http::Config::default()
                };
                if let Some(Https { tls, .. }) = https {
                    let listener = listen(net, SocketAddr::new(ends.any(), options.tls.port()))?;
                    let (router, config, tls) = (router.clone(), config.clone(), tls.clone());
                    tasks.spawn(http::tls::serve(listener, router, config, tls, stop.clone()));
                }
                if let Some(router) = options.tls.on_the_plain_port(router) {
                    let listener = listen(net, web)?;
                    tasks.spawn(http::serve(listener, router, config, stop.clone()));
                }
            }
            Responder::ByHand => {
                let listener = listen(net, web)?;
                let keep_alive = close_after.keeps_alive();
                tasks.spawn(http::by_hand::serve(listener, most, keep_alive, stop.clone()));
            }
        }
        let urls = ends.ours.iter().flat_map(|addr| options.tls.urls(*addr, options.port));
        let mut summary = urls.collect::<Vec<_>>().join(" and ");
        for service in &wanted.0 {
            let listener = listen(net, SocketAddr::new(ends.any(), service.port()))?;
            let config = services::Config::new(clock::time_of_day);
            tasks.spawn(services::serve(*service, listener, config, stop.clone()));
            let _ = write!(summary, ", {service} on port {}", service.port());
        }
        Ok(Server { stopper, tasks, summary })
    }

    /// Stops accepting, lets connections finish within the limits, and returns when all is done.
    pub(super) async fn stop(mut self) {
        self.stopper.stop();
        while self.tasks.join_next().await.is_some() {}
    }
}

fn listen(net: &Net, addr: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(net, addr).map_err(|error| {
        let hint = "choose another --port or --tls-port, or fewer --services";
        Failure::new(exit::USAGE, format!("cannot listen on {addr}: {error}; {hint}"))
    })
}
