"""Generate the files of docs/integrations from the definitions: rules and dashboards."""
