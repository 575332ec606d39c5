// What the identity may do with the scale sets: custom roles with the actions of docs/azure-role*.json, assigned.
targetScope = 'resourceGroup'

@description('Object id of the identity.')
param principalId string

@description('Names of the scale sets, which are in this resource group.')
param scaleSets array

@description('scaleSets or resourceGroup.')
param roleScope string

@description('Whether a scale set has Flexible orchestration: its machines are not below the scale set.')
param flexible bool

@description('Whether docs/azure-role-joins.json is assigned as well.')
param joins bool

var main = loadJsonContent('../../docs/azure-role.json')
var ofFlexible = loadJsonContent('../../docs/azure-role-flexible.json')
var ofJoins = loadJsonContent('../../docs/azure-role-joins.json')

// The operator's tags on the resource group can be read only with a role there (docs/identities.md).
var ofTags = {
  Name: '${main.Name} (tags of the group)'
  Description: 'Reads the resource group with its tags, and nothing in it.'
  Actions: filter(main.Actions, action => startsWith(action, 'Microsoft.Resources/'))
}

var roles = concat([main, ofTags], flexible ? [ofFlexible] : [], joins ? [ofJoins] : [])
var skipped = roleScope == 'scaleSets' ? 1 : 0 // the main role is then not assigned on the group
var group = resourceGroup().id
var named = roleScope == 'scaleSets' ? scaleSets : []

resource definitions 'Microsoft.Authorization/roleDefinitions@2022-04-01' = [for role in roles: {
  name: guid(group, role.Name)
  properties: {
    roleName: '${role.Name} ${uniqueString(group)}' // unique in a tenant
    description: role.Description
    type: 'CustomRole'
    permissions: [
      {
        actions: role.Actions
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
    assignableScopes: [group]
  }
}]

resource machines 'Microsoft.Compute/virtualMachineScaleSets@2024-07-01' existing = [for scaleSet in named: {
  name: scaleSet
}]

resource onScaleSets 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (scaleSet, index) in named: {
  name: guid(group, scaleSet, principalId, main.Name)
  scope: machines[index]
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', definitions[0].name)
    principalId: principalId
    principalType: 'ServicePrincipal' // else a fresh identity is not found
  }
}]

resource onGroup 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (role, index) in skip(roles, skipped): {
  name: guid(group, principalId, role.Name)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', definitions[index + skipped].name)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}]
