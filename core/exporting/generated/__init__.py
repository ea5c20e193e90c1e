"""The files of docs/integrations that are made from the definitions: rules and dashboards."""
