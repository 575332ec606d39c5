// The scaler from nothing: identity, function app, access, monitoring. docs/deploy.md has the commands.
// For those who have no scale set, no Redis or no network yet, there are infra/examples/.
targetScope = 'resourceGroup'

@description('Name of the function app, of everything that goes with it, and unique in Azure. Two apps whose first 32 characters agree would share their timers: hence the limit.')
@minLength(2)
@maxLength(32)
param name string

@description('Region of all this; best the region of the scale set.')
param location string = resourceGroup().location

@description('The settings of docs/configuration.md under their own names. A setting that is left out has its default.')
param settings Settings

@description('Key Vault URI of the secret with the access key of Redis. Empty: REDIS_AUTH is entra, and there is no secret.')
param redisPasswordUri string = ''

@description('Address of the package in the storage account, as it is in WEBSITE_RUN_FROM_PACKAGE now. Empty: none yet.')
param packageUrl string = ''

@description('Plan of the app: Premium (EP…), or the cheaper Dedicated (B1, P0v3) with Always On.')
@allowed(['EP1', 'EP2', 'EP3', 'B1', 'B2', 'P0v3', 'P1v3'])
param plan string = 'EP1'

@description('Subnet for what the app sends, delegated to Microsoft.Web/serverFarms. Empty: no virtual network.')
param subnetId string = ''

@description('Whether the app answers from outside. Nobody calls it; Enabled opens the log stream and the console of the portal.')
@allowed(['Enabled', 'Disabled'])
param publicNetworkAccess string = 'Disabled'

@description('Subnets with the service endpoint Microsoft.Storage that alone reach the storage account: that of the app, and that of the agents that upload packages. Empty: every network, still only with an identity.')
param storageSubnetIds array = []

@description('Whether this deployment assigns roles, which takes the right to do so. false: it was done once by somebody who may.')
param assignRoles bool = true

@description('Object ids that may upload packages, besides the one who deploys this: the service connection of the pipeline.')
param uploaders array = []

@description('Where the role is assigned: on the scale sets alone, or on their resource group, new scale sets included.')
@allowed(['scaleSets', 'resourceGroup'])
param roleScope string = 'scaleSets'

@description('Whether the identity also gets docs/azure-role-joins.json. Only for the day on which Azure refuses to add machines without it.')
param assignJoins bool = false

@description('Name of the Redis that lets the identity in. Empty: none is changed.')
param redisName string = ''

@description('Kind of that Redis: managed is Azure Managed Redis, cache is Azure Cache for Redis, which ends in 2028.')
@allowed(['managed', 'cache'])
param redisKind string = 'managed'

@description('Resource group of that Redis.')
param redisResourceGroup string = resourceGroup().name

@description('Mail address for alerts. Empty: alerts show in the portal alone.')
param alertEmail string = ''

@description('Resource ids of action groups that alerts call besides.')
param actionGroupIds array = []

@description('Days for which the log is kept.')
@minValue(30)
@maxValue(730)
param retentionDays int = 30

@description('The settings of docs/configuration.md. A name that is not here is refused before anything is changed. Set elsewhere in this file: AZURE_CLIENT_ID and REDIS_PASSWORD. Not to be set: REDIS_URL, which may hold a secret.')
@sealed()
type Settings = {
  AZURE_SUBSCRIPTION_ID: string
  AZURE_RESOURCE_GROUP: string
  AZURE_VMSS_NAME: string
  AZURE_VMSS_ORCHESTRATION: string?
  AZURE_RESOURCE_MANAGER_URL: string?
  REDIS_HOST: string?
  REDIS_PORT: string?
  REDIS_SSL: string?
  REDIS_CA_FILE: string?
  REDIS_AUTH: string?
  SCALER_REDIS_PREFIX: string?
  SCALER_CAPACITY: string?
  SCALER_PRESET: string?
  SCALER_POOL_CAPACITY: string?
  SCALER_POOL_BUFFER: string?
  SCALER_POOL_MIN: string?
  SCALER_POOL_MAX: string?
  SCALER_POOL_WEIGHTS: string?
  SCALER_FOUND_AT_ONCE: string?
  SCALER_WARMPOOL_SIZE: string?
  SCALER_HOTPOOL_SIZE: string?
  SCALER_PRICE: string?
  SCALER_BUDGET: string?
  SCALER_CURRENCY: string?
  SCALER_CALENDAR: string?
  SCALER_APP_CONFIGURATION: string?
  SCALER_WARM_SURPLUS_KEPT: string?
  SCALER_SURPLUS_KEPT: string?
  SCALER_MAX_READY_AGE: string?
  SCALER_VM_RUNTIME: string?
  SCALER_PRESUMED_LIMIT: string?
  SCALER_RESERVATION_TIMEOUT: string?
  SCALER_MOVE: string?
  SCALER_END_WHEN: string?
  SCALER_CONNECT_TIMEOUT: string?
  SCALER_READY_WHEN: string?
  SCALER_READY_TIMEOUT: string?
  SCALER_START_TIMEOUT: string?
  SCALER_MAX_SURGE: string?
  SCALER_FAILURE_CAP: string?
  SCALER_NAME: string?
  SCALER_GEO_NAME: string?
  SCALER_PAUSED: string?
  PROVISIONER_SCHEDULE: string
  RECONCILER_SCHEDULE: string
  STARTER_SCHEDULE: string
  CLEANER_SCHEDULE: string
  SCALER_PROVISIONER_WATCH: string?
  SCALER_RECONCILER_WATCH: string?
  SCALER_STARTER_WATCH: string?
  SCALER_CLEANER_WATCH: string?
  SCALER_SPEED: string?
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: location
}

module monitoring 'modules/monitoring.bicep' = {
  name: '${name}-monitoring'
  params: {
    name: name
    location: location
    retentionDays: retentionDays
    alertEmail: alertEmail
    actionGroupIds: actionGroupIds
  }
}

module access 'modules/access.bicep' = if (assignRoles) {
  name: '${name}-access'
  scope: resourceGroup(settings.AZURE_SUBSCRIPTION_ID, settings.AZURE_RESOURCE_GROUP)
  params: {
    principalId: identity.properties.principalId
    scaleSets: map(split(settings.AZURE_VMSS_NAME, ','), scaleSet => trim(scaleSet))
    roleScope: roleScope
    flexible: contains(toLower(settings.?AZURE_VMSS_ORCHESTRATION ?? ''), 'flexible')
    joins: assignJoins
  }
}

module redisAccess 'modules/redis-access.bicep' = if (assignRoles && !empty(redisName)) {
  name: '${name}-redis-access'
  scope: resourceGroup(redisResourceGroup)
  params: {
    redisName: redisName
    kind: redisKind
    principalId: identity.properties.principalId
    alias: name
    prefix: settings.?SCALER_REDIS_PREFIX ?? 'vmss'
  }
}

module app 'modules/app.bicep' = {
  name: '${name}-app'
  params: {
    name: name
    location: location
    plan: plan
    subnetId: subnetId
    publicNetworkAccess: publicNetworkAccess
    storageSubnetIds: storageSubnetIds
    assignRoles: assignRoles
    uploaders: uploaders
    identityId: identity.id
    clientId: identity.properties.clientId
    principalId: identity.properties.principalId
    connectionString: monitoring.outputs.connectionString
    packageUrl: packageUrl
    redisPasswordUri: redisPasswordUri
    settings: settings
  }
  dependsOn: [access, redisAccess] // an app that may do nothing would start, and complain
}

@description('Resource id of the function app: for the sync of its triggers.')
output functionAppId string = app.outputs.id

@description('Storage account with the packages.')
output storageAccount string = app.outputs.storageAccount

@description('Address of the container with the packages.')
output packagesUrl string = app.outputs.packagesUrl

@description('Object id of the identity: for rights on what this file does not know, such as a Key Vault.')
output principalId string = identity.properties.principalId
