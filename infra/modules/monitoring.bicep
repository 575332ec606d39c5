// Where the log goes, and what is made of it: Log Analytics, Application Insights, workbook, alerts.
targetScope = 'resourceGroup'

@description('Name of the function app, and of all this.')
param name string

@description('Region.')
param location string

@description('Days for which the log is kept.')
param retentionDays int

@description('Mail address for alerts; empty: none.')
param alertEmail string

@description('Resource ids of action groups.')
param actionGroupIds array

var alerts = loadJsonContent('../../monitoring/alerts.json')

// Without a daily cap: when it is reached, the log ends for the day without a word, and so do the alerts.
resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: name
  location: location
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: retentionDays
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: name
  location: location
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
  }
}

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(insights.id, 'workbook')
  location: location
  kind: 'shared'
  properties: {
    displayName: 'Unreal Pixel Streaming Scaler: ${name}'
    category: 'workbook'
    sourceId: insights.id
    serializedData: loadTextContent('../../monitoring/workbook.json')
    version: '1.0'
  }
}

resource mail 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(alertEmail)) {
  name: '${name}-mail'
  location: 'global'
  properties: {
    groupShortName: take(name, 12)
    enabled: true
    emailReceivers: [
      {
        name: 'operator'
        emailAddress: alertEmail
        useCommonAlertSchema: true
      }
    ]
  }
}

resource rules 'Microsoft.Insights/scheduledQueryRules@2023-03-15-preview' = [for alert in alerts: {
  name: '${name}-${alert.name}'
  location: location
  kind: 'LogAlert'
  properties: {
    displayName: '${alert.displayName} (${name})'
    description: '${alert.description} What to do: ${alert.runbook}'
    severity: alert.severity
    enabled: true
    scopes: [insights.id]
    windowSize: alert.windowSize
    evaluationFrequency: alert.evaluationFrequency
    autoMitigate: true
    criteria: {
      allOf: [
        {
          query: alert.query
          timeAggregation: alert.timeAggregation
          operator: alert.operator
          threshold: alert.threshold
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    actions: {
      actionGroups: concat(actionGroupIds, empty(alertEmail) ? [] : [mail.id])
    }
  }
}]

@description('Connection string of Application Insights.')
output connectionString string = insights.properties.ConnectionString
